"""The command on a GAN that keeps its promises, and on GANs that break one each."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_lab import check, promises
from gan_lab.build import build
from gan_lab.model.gan import GAN
from tests.tiny import MODELS, tiny


class LeakyFakes(GAN):
    """D's step leaves gradients in G."""

    def discriminator_batch(self, real, y):
        batch = super().discriminator_batch(real, y)
        batch.fake = self.fakes(batch.z, y)
        return batch


class StaleLatents(GAN):
    """The same latents at every step."""

    def latents(self, n):
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


BROKEN = {
    "each step moves its own network": (LeakyFakes, "leaves a gradient in the generator"),
    "each step of D sees fresh reals": (StaleLatents, "latents are used twice"),
    "the same seed, the same weights": (Unseeded, "two runs of one seed"),
    "a resumed run is the same run": (Forgetful, "resumed: "),
    "gradients are slopes": (WrongSlope, "discriminator's loss is"),
}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_found_with_its_reason(promise, tmp_path, monkeypatch):
    broken, reason = BROKEN[promise]
    monkeypatch.setattr("gan_lab.model.gan.GAN", broken)
    kept, said = check.outcome(promises.PROMISES[promise], tiny("model=gan"), tmp_path)
    assert not kept
    assert reason in said


def test_a_step_that_moves_the_other_network_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_lab.model.gan.GAN", RestlessD)
    kept, said = check.outcome(promises.PROMISES["each step moves its own network"], tiny("model=gan"), tmp_path)
    assert (kept, said) == (False, "generator_step moves discriminator and generator")


def test_an_error_in_the_gan_is_a_broken_promise_too(tmp_path):
    def fail(cfg, folder):
        raise ZeroDivisionError("by nought\nand more")

    assert check.outcome(fail, tiny("model=gan"), tmp_path) == (False, "ZeroDivisionError: by nought")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_keeps_every_promise_two_processes_included(model):
    done = subprocess.run(
        [sys.executable, "-m", "gan_lab.check", f"model={model}"], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("kept") == len(promises.PROMISES)


def test_the_command_checks_a_gan_outside_the_package_and_fails_where_it_breaks_one(call, tmp_path, monkeypatch, capsys):
    Path(tmp_path / "outside.py").write_text("from tests.test_check import RestlessD as MyGAN\n")
    quick = {name: promise for name, promise in promises.PROMISES.items() if name.startswith("each")}
    monkeypatch.setattr(promises, "PROMISES", quick)
    with pytest.raises(SystemExit) as ended:
        call(check.main, "model._target_=outside.MyGAN", "network=mlp")
    out = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 1
    assert "broken" in out and "kept" in out and "outside.MyGAN" in out


def test_networks_are_made_small_unless_a_width_is_given(call, monkeypatch):
    seen = []
    monkeypatch.setattr(promises, "PROMISES", {"seen": lambda cfg, folder: seen.append(build(cfg)) or "yes"})
    call(check.main, "model=dcgan")
    call(check.main, "model=dcgan", "network.generator.width=12")
    assert [gan.generator.layers[-2].in_channels for gan in seen] == [4, 6]
