"""The command on GANs that violate one invariant each."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_lab import check, penalties
from gan_lab.model.gan import GAN
from gan_lab.model.vae_gan import VAEGAN
from gan_lab.training import invariants
from gan_lab.training.build import build
from gan_lab.training.checked_gan import CheckedGAN
from tests.tiny import MODELS, tiny


class LeakyFakes(GAN):
    """D's step leaves gradients in G."""

    def discriminator_batch(self, real, y, step):
        batch = super().discriminator_batch(real, y, step)
        batch.fake = self.fakes(batch.z, y, step)
        return batch


class StaleLatents(GAN):
    """The same latents at every step."""

    def latents(self, n, step):
        return torch.ones(n, self.generator.latent_dim)


class RestlessD(GAN):
    """G's step moves D."""

    def generator_step(self):
        super().generator_step()
        next(self.discriminator.parameters()).data.add_(0.1)


class Forgetful(GAN):
    """Something that no checkpoint knows of."""

    steps = 0

    def generator_loss(self, batch):
        self.steps += 1
        return super().generator_loss(batch) * self.steps


class Unseeded(GAN):
    """Noise from nowhere."""

    def generator_loss(self, batch):
        return super().generator_loss(batch) * (
            1 + torch.rand((), generator=torch.Generator().manual_seed(torch.seed() % 2**31))
        )


class WrongSlope(GAN):
    """A term whose gradient is lost on the way."""

    def discriminator_terms(self, batch):
        return {"lost": sum(weight.detach().square().sum() for weight in self.discriminator.parameters())}


class Unsaved(GAN):
    """Samples change with a number that no checkpoint has."""

    brightness = 0.0

    def generator_step(self):
        super().generator_step()
        self.brightness += 0.001

    def generate(self, z, y=None, ema=True):
        return super().generate(z, y, ema) - self.brightness


class LearnsFromJudges(GAN):
    """Validation moves D."""

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        next(self.discriminator.parameters()).data.mul_(0.99)
        return super().validation_step(batch, batch_idx, dataloader_idx)


class Stale(GAN):
    """A number that Python counts, which a replay would keep."""

    def discriminator_loss(self, batch):
        return super().discriminator_loss(batch) * (1 + self.d_steps_done)


VIOLATIONS = {
    "steps": (LeakyFakes, "leaves a gradient in the generator"),
    "data": (StaleLatents, "latents are used twice"),
    "seed": (Unseeded, "two runs of one seed"),
    "resume": (Forgetful, "resumed: generator.hidden.0.weight differs; state outside buffers: steps (use register_buffer"),
    "samples": (Unsaved, "the samples of a checkpoint are not those of the run; state outside buffers: brightness ("),
    "validation": (LearnsFromJudges, "a run with validation and one without: "),
    "gradients": (WrongSlope, "the gradient of lost in the discriminator's loss has a relative error of 1"),
    "capture": (Stale, "has other arguments: 2, then 3"),
}
ELSEWHERE = {"processes"}  # tested below


def test_every_invariant_is_seen_violated():
    assert VIOLATIONS.keys() | ELSEWHERE == invariants.INVARIANTS.keys()


@pytest.mark.parametrize("invariant", VIOLATIONS)
def test_a_violated_invariant_is_found_with_its_reason(invariant, tmp_path, monkeypatch):
    violated, reason = VIOLATIONS[invariant]
    monkeypatch.setattr("gan_lab.model.gan.GAN", violated)
    monkeypatch.setattr(violated, "__module__", "gan_lab.model.gan")
    passed, observation = check.outcome(invariants.INVARIANTS[invariant], CheckedGAN(tiny("model=gan"), tmp_path))
    assert not passed
    assert reason in observation


def test_a_step_that_runs_eagerly_by_its_own_word_says_why(tmp_path):
    cfg = tiny("model=gan", "trick=replay")
    assert invariants.capturable_steps(CheckedGAN(cfg, tmp_path)).startswith("eager: trick=replay keeps a list")


class Remembering(GAN):
    """A list that no checkpoint knows of, beside one of objects that stays as it is."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.history, self.others = [1.0], [object()]

    def generator_loss(self, batch):
        self.history[0] += 1
        return super().generator_loss(batch) * self.history[0]


def test_state_in_a_list_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_lab.model.gan.GAN", Remembering)
    passed, observation = check.outcome(invariants.exact_resume, CheckedGAN(tiny("model=gan"), tmp_path))
    assert not passed
    assert "; state outside buffers: history (use" in observation


@pytest.mark.slow
def test_two_processes_that_part_are_found(call, tmp_path, monkeypatch, capsys):
    Path(tmp_path / "outside.py").write_text(
        "from gan_lab.model.gan import GAN\n\n"
        "class MyGAN(GAN):\n"
        "    def discriminator_step(self):\n"
        "        super().discriminator_step()\n"
        "        next(self.discriminator.parameters()).data.add_(self.global_rank * (self.d_steps_done == 2))\n"
    )
    monkeypatch.setattr(invariants, "INVARIANTS", {"processes": invariants.two_processes})
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit):
        call(check.main, "model._target_=outside.MyGAN", "network=mlp")
    assert "they differ after step 3" in " ".join(capsys.readouterr().out.split())


SMALL_OR_RARE = [["penalty.r1.weight=0.01"], ["penalty.r1.weight=0.01", "penalty.r1.interval=16"], ["penalty.r1.interval=16"]]


@pytest.mark.parametrize(
    "options", [SMALL_OR_RARE[0], *(pytest.param(each, marks=pytest.mark.slow) for each in SMALL_OR_RARE[1:])]
)
def test_the_lost_gradient_of_a_penalty_is_found_however_small_or_rare_it_is(options, tmp_path, monkeypatch):
    cfg = tiny("model=gan", "network.discriminator.norm=none", "penalty=r1", *options)
    assert invariants.gradients(CheckedGAN(cfg, tmp_path))
    norm = penalties.squared_gradient_norm
    monkeypatch.setattr(penalties, "squared_gradient_norm", lambda *args: norm(*args).detach())
    with pytest.raises(invariants.Violation, match="the gradient of r1 in the discriminator's loss has a relative error of 1"):
        invariants.gradients(CheckedGAN(cfg, tmp_path))


@pytest.mark.parametrize("names", ["[lecam,bcr,drift,r1,r2]", "[wgan_gp,dragan]"])
@pytest.mark.slow
def test_no_penalty_is_blamed_for_what_it_holds_constant(names, tmp_path):
    cfg = tiny("model=gan", "network.discriminator.norm=none", f"penalty={names}")
    seen = invariants.gradients(CheckedGAN(cfg, tmp_path))
    assert all(name in seen for name in names.strip("[]").split(","))


class RestlessEncoder(VAEGAN):
    """The encoder moves in D's step."""

    def discriminator_step(self):
        super().discriminator_step()
        next(self.encoder.parameters()).data.add_(0.1)


class LeakyEncoder(VAEGAN):
    """D's step leaves gradients in the encoder."""

    def discriminator_terms(self, batch):
        return {"leak": self.encode(batch.real, batch.step)[0].mean()}


class SharedWeights(VAEGAN):
    """D's optimizer holds the encoder too."""

    def configure_optimizers(self):
        g, d, e = super().configure_optimizers()
        d.add_param_group({"params": list(self.encoder.parameters())})
        return [g, d, e]


@pytest.mark.parametrize(
    ("violated", "reason"),
    [
        (RestlessEncoder, "discriminator_step moves discriminator and encoder"),
        (LeakyEncoder, "discriminator_gradient leaves a gradient in the encoder: make D's fakes without one"),
        (SharedWeights, "the encoder has weights in both players' optimizers"),
    ],
)
def test_a_third_network_has_a_step_of_its_own_too(violated, reason, tmp_path, monkeypatch):
    monkeypatch.setattr("gan_lab.model.vae_gan.VAEGAN", violated)
    passed, observation = check.outcome(invariants.separate_steps, CheckedGAN(tiny("model=vae_gan"), tmp_path))
    assert (passed, observation) == (False, reason)


def test_a_step_that_moves_the_other_network_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_lab.model.gan.GAN", RestlessD)
    passed, observation = check.outcome(invariants.INVARIANTS["steps"], CheckedGAN(tiny("model=gan"), tmp_path))
    assert (passed, observation) == (False, "generator_step moves discriminator and generator")


def test_an_error_in_the_gan_is_a_violated_invariant_too(tmp_path):
    def fail(checked):
        raise ZeroDivisionError("by nought\nand more")

    assert check.outcome(fail, CheckedGAN(tiny("model=gan"), tmp_path)) == (False, "ZeroDivisionError: by nought")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_passes_every_check_two_processes_included(model):
    done = subprocess.run(
        [sys.executable, "-m", "gan_lab.check", f"model={model}"], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed") == len(invariants.INVARIANTS) + 2  # a short run, and the cost


@pytest.mark.slow
def test_the_command_checks_a_gan_outside_the_package_and_fails_where_it_breaks_one(call, tmp_path, monkeypatch, capsys):
    Path(tmp_path / "outside.py").write_text("from tests.test_check import RestlessD as MyGAN\n")
    quick = {name: invariants.INVARIANTS[name] for name in ("steps", "data")}
    monkeypatch.setattr(invariants, "INVARIANTS", quick)
    with pytest.raises(SystemExit) as ended:
        call(check.main, "model._target_=outside.MyGAN", "network=mlp")
    out = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 1
    assert "violated" in out and "passed" in out and "outside.MyGAN" in out


def test_networks_are_made_small_unless_a_width_is_given(call, monkeypatch):
    seen = []
    monkeypatch.setattr(invariants, "INVARIANTS", {"seen": lambda checked: seen.append(build(checked.cfg)) or "yes"})
    call(check.main, "model=dcgan", "only=seen")
    call(check.main, "model=dcgan", "network.generator.width=12", "only=seen")
    assert [gan.generator.layers[-2].in_channels for gan in seen] == [4, 6]
