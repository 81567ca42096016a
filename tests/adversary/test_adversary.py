import re
from copy import deepcopy
from functools import partial

import lightning as L
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.utils.data import DataLoader

from gan_lab import losses
from gan_lab.adversary import HINGE, LEAST_SQUARES, AdaptiveWeight, Adversary, Ensemble, MultiPeriod, PatchGAN
from gan_lab.adversary.outputs import see
from gan_lab.augment.ada import ADA
from gan_lab.augment.diffaugment import DiffAugment
from gan_lab.errors import InputError
from gan_lab.logit_penalties import LeCam
from gan_lab.network import conv1d
from gan_lab.penalties import R1, R2, Dragan, GradientPenalty
from tests.adversary.host import QUIET, Host, Signals, adversary, fit, same


@pytest.fixture
def pairs():
    g = torch.Generator().manual_seed(0)
    return torch.randn(8, 4, generator=g), torch.randn(8, 4, generator=g)


@pytest.fixture
def images():
    g = torch.Generator().manual_seed(0)
    return torch.rand(4, 1, 8, 8, generator=g), torch.rand(4, 1, 8, 8, generator=g)


# ----- the formulas, written anew from the papers --------------------------------------------------------------------


def test_d_descends_on_the_hinge_loss_of_vqgan(images):
    """Half of E[max(0, 1 - D(x))] + E[max(0, 1 + D(made))] over the map, as in the authors' code; ours is the whole."""
    ours = Adversary(PatchGAN(1, 4, 1, "instance"), HINGE).double()
    real, fake = (x.double() * 9 for x in images)
    maps = [ours.discriminator(x).logits[0].flatten().tolist() for x in (real, fake)]
    hinge = (sum(max(0, 1 - x) for x in maps[0]) / len(maps[0]) + sum(max(0, 1 + x) for x in maps[1]) / len(maps[1])) / 2
    assert ours.d_step(real, fake)["d_loss"].item() / 2 == pytest.approx(hinge, rel=1e-6)


def test_the_generator_descends_on_vqgans_loss(images):
    """Rec + 0.8 lambda (-E[D(made)]), lambda = |grad rec| / (|grad gan| + 1e-4) at the last layer, written out."""
    ours = Adversary(PatchGAN(1, 4, 1, "instance"), HINGE, weight=AdaptiveWeight()).double()
    decoder, x = nn.Conv2d(1, 1, 3, padding=1).double(), images[0].double()
    made = decoder(images[1].double())
    rec = (made - x).abs().mean()
    found = rec + ours.g_loss(made, x, rec, decoder.weight)
    gan = -ours.discriminator(made).logits[0].mean()
    norms = [torch.autograd.grad(loss, decoder.weight, retain_graph=True)[0].square().sum() ** 0.5 for loss in (rec, gan)]
    assert found.item() == pytest.approx((rec + 0.8 * norms[0] / (norms[1] + 1e-4) * gan).item(), rel=1e-6)


def test_both_descend_on_the_losses_of_hifi_gan():
    """Sums over k of E[(D_k(x) - 1)^2 + D_k(s)^2], and of E[(D_k(s) - 1)^2] + 2 L_FM: twice our adversarial halves."""
    ours = Adversary(MultiPeriod(1, (2, 3), 2), LEAST_SQUARES, weight=2.0, feature_weight=2.0).double()
    g = torch.Generator().manual_seed(0)
    x, s = (torch.randn(2, 1, 90, generator=g, dtype=torch.float64) for _ in range(2))
    d_loss = g_loss = 0.0
    for discriminator in ours.discriminator.discriminators:
        real, fake = discriminator(x), discriminator(s)
        d_loss += (real.logits[0] - 1).pow(2).mean() + fake.logits[0].pow(2).mean()
        g_loss += (1 - fake.logits[0]).pow(2).mean()
        for r, f in zip(real.features[0], fake.features[0], strict=True):
            g_loss += 2 * (r - f).abs().mean()
    assert ours.g_loss(s, x).item() == pytest.approx(g_loss.item(), rel=1e-6)
    assert 2 * ours.d_step(x, s)["d_loss"].item() == pytest.approx(d_loss.item(), rel=1e-6)


def test_a_step_of_d_is_one_of_its_optimizer_along_loss_and_penalties(pairs):
    ours = adversary(loss=HINGE, optimizer=partial(SGD, lr=0.1), penalties={"r1": R1(0.3)}).double()
    real, fake = (x.double() for x in pairs)
    twin = deepcopy(ours.discriminator).requires_grad_(True)
    x = real.clone().requires_grad_()
    (slope,) = torch.autograd.grad(twin(x).logits[0].mean(1).sum(), x, create_graph=True)
    loss = losses.hinge_d(twin(real).logits[0], twin(fake).logits[0]) + 0.15 * slope.square().sum(1).mean()
    gradients = torch.autograd.grad(loss, list(twin.parameters()), allow_unused=True)
    ours.d_step(real, fake)
    for before, gradient, after in zip(twin.parameters(), gradients, ours.discriminator.parameters(), strict=True):
        torch.testing.assert_close(after, before - 0.1 * gradient)


# ----- who moves, and when -------------------------------------------------------------------------------------------


def test_d_learns_in_its_own_step_alone():
    """The host's optimizer has weight decay and all parameters, and yet leaves D alone."""
    host = Host()
    host.adversary.d_step = lambda real, fake: {}
    before = [weight.clone() for weight in host.parameters()]
    fit(host, 2)
    moved = [not torch.equal(a, b) for a, b in zip(before, host.parameters(), strict=True)]
    assert sum(moved) == 2  # the weight and the bias of the net
    fit(learning := Host(), 2)
    assert all(not torch.equal(a, b) for a, b in zip(before, learning.parameters(), strict=True))
    assert learning.trainer.global_step == 2  # steps of D do not count


def test_no_gradient_of_a_step_of_d_reaches_the_model_and_none_of_the_model_reaches_d(pairs):
    ours, net = adversary(), nn.Linear(4, 4)
    ours.d_step(pairs[0], net(pairs[1]))
    assert net.weight.grad is None
    ours.requires_grad_(True)  # by whoever unfreezes the whole model
    ours.g_loss(net(pairs[1])).backward()
    assert net.weight.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in ours.discriminator.parameters())


def test_what_was_frozen_of_d_stays_frozen(pairs):
    critic = adversary().discriminator.requires_grad_(True)
    critic.first.requires_grad_(False)
    ours, before = Adversary(critic, LEAST_SQUARES), deepcopy(critic.state_dict())
    ours.d_step(*pairs)
    assert [name for name, value in critic.state_dict().items() if not torch.equal(value, before[name])] == [
        "last.weight",
        "last.bias",
    ]
    with pytest.raises(InputError, match="no weight of this discriminator requires a gradient"):
        Adversary(nn.Linear(4, 1).requires_grad_(False))


def test_d_warms_up_before_g_hears_of_it(pairs):
    ours = adversary(start_step=4, warmup=2)
    moved, heard, before = [], [], deepcopy(ours.discriminator.state_dict())
    for _ in range(5):
        ours.d_step(*pairs)
        moved.append(not same(before, now := deepcopy(ours.discriminator.state_dict())))
        heard.append(ours.g_loss(pairs[1]).item() != 0)
        before = now
    assert moved == [False, True, True, True, True]
    assert heard == [False, False, False, True, True]


def test_in_evaluation_losses_are_computed_and_nothing_moves(pairs):
    ours = adversary(norm=True).eval()
    before = deepcopy(ours.state_dict())
    with torch.no_grad():
        logs = ours.d_step(*pairs)
        assert torch.isfinite(ours.g_loss(pairs[1]))
    assert set(logs) == {"d_loss", "real_logits", "fake_logits"}
    assert same(before, ours.state_dict())


# ----- penalties and augmentations -----------------------------------------------------------------------------------

TERMS = {
    "gradient_penalty": GradientPenalty(),
    "r2": R2(1.0, interval=2),
    "slopes": R1(1.0, estimator="finite_difference"),
    "dragan": Dragan(estimator="finite_difference"),
    "lecam": LeCam(),
}


def test_penalties_of_gan_lab_take_their_part(images):
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    ours = Adversary(Ensemble(discriminator, PatchGAN(1, 2, 1, "none")), penalties=TERMS)
    first, second = ours.d_step(*images), ours.d_step(*images)
    assert first.keys() - second.keys() == {"r2"}  # every other step
    assert first.keys() >= TERMS.keys()
    assert all(torch.isfinite(value) for value in first.values())
    norm = see(ours.discriminator, images[0].requires_grad_()).per_example()
    (slope,) = torch.autograd.grad(norm.sum(), images[0])
    ours.penalties = nn.ModuleDict({"r1": R1(2.0)})
    expected = slope.flatten(1).square().sum(1).mean()
    torch.testing.assert_close(ours.d_step(*images)["r1"], expected)
    with pytest.raises(InputError, match="BatchNorm in the discriminator makes a logit depend on the whole batch"):
        Adversary(PatchGAN(1), penalties={"r1": R1(1.0)})


def test_augmentations_change_all_that_d_sees_and_a_fake_as_its_real(images):
    class Seen(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.seen = nn.Parameter(torch.ones(())), []

        def forward(self, x):
            self.seen.append(x)
            return (x * self.weight).flatten(1).mean(1)

    discriminator = Seen()
    ours = Adversary(Ensemble(discriminator), augment=DiffAugment(color=False), feature_weight=0.0)
    ours.d_step(*images)
    assert all(not torch.equal(a, b) for a, b in zip(discriminator.seen, images, strict=True))
    ours.g_loss(images[0])
    ours._of_real(images[0])
    *_, fake, real = discriminator.seen
    assert torch.equal(fake, real)
    assert not torch.equal(fake, discriminator.seen[0])  # another step, other draws


def test_ada_follows_d(images):
    ours = Adversary(PatchGAN(1, 2, 1, "none"), augment=ADA(target=-1.0, interval=1, speed_kimg=1.0))
    assert [ours.d_step(*images)["p"].item() for _ in range(2)] == pytest.approx([0.004, 0.008])


# ----- precision, devices and state ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_only_float16_is_left_for_float32(pairs, dtype):
    seen, ours = [], adversary(penalties={})
    ours.discriminator.first.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    with torch.autocast("cpu", dtype):
        ours.d_step(*pairs)
        loss = ours.g_loss(nn.Linear(4, 4)(pairs[1]))
    assert seen == [torch.float32 if dtype == torch.float16 else dtype] * 2 + [dtype]
    assert loss.dtype == torch.float32
    loss.backward()


def test_the_optimizer_follows_the_weights(pairs):
    ours = adversary()
    ours.d_step(*pairs)
    ours.double()
    ours.d_step(*pairs)
    assert {state["exp_avg"].dtype for state in ours.optimizer.state.values()} == {torch.float64}


def test_a_copy_trains_itself(pairs):
    ours = adversary()
    twin = deepcopy(ours)
    twin.d_step(*pairs)
    assert ours.steps == 0 and not ours.optimizer.state
    assert not same(ours.discriminator.state_dict(), twin.discriminator.state_dict())


def test_a_resumed_run_is_the_same_run(tmp_path):
    """Adam's moments, the steps, LeCam's anchors: everything comes back from Lightning's own checkpoint."""

    def host():
        return Host(penalties={"r1": R1(0.1), "lecam": LeCam()}, start_step=3, warmup=1)

    whole, loader = fit(host(), 8, n=8), DataLoader(Signals(8), 8)  # one batch: Lightning may begin its epoch anew
    trainer = L.Trainer(max_steps=4, default_root_dir=tmp_path, **QUIET)
    trainer.fit(host(), loader)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed, trainer = host(), L.Trainer(max_steps=8, default_root_dir=tmp_path, **QUIET)
    trainer.fit(resumed, loader, ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    assert resumed.adversary.steps == 8
    assert same(whole.state_dict(), resumed.state_dict())


def test_discriminators_of_gan_lab_serve_as_they_are():
    ours = Adversary(conv1d.Discriminator((1, 16), 4))
    assert ours.d_step(torch.randn(3, 1, 16), torch.randn(3, 1, 16))["d_loss"] > 0


# ----- refusals ------------------------------------------------------------------------------------------------------


def test_d_may_not_move_between_g_loss_and_its_backward_pass(pairs):
    ours, net = adversary(), nn.Linear(4, 4)
    ours.d_step(*pairs)
    loss = ours.g_loss(net(pairs[1]))
    ours.d_step(*pairs)
    with pytest.raises(InputError, match="which needs D as it was: call d_step before g_loss"):
        loss.backward()
    (loss.detach() + ours.g_loss(net(pairs[1]))).backward()
    ours.d_step(*pairs)


def test_missing_arguments_are_named(pairs):
    with pytest.raises(InputError, match=re.escape("call g_loss(fake, real)")):
        adversary(feature_weight=1.0).g_loss(pairs[1])
    with pytest.raises(InputError, match=re.escape("last_layer=decoder[-1].weight)")):
        adversary(weight=AdaptiveWeight()).g_loss(pairs[1])
    with pytest.raises(InputError, match="d_step compares reals of 4 with fakes of 3: give both the same shape"):
        adversary().d_step(pairs[0], pairs[1][:, :3])


def test_the_default_optimizer_is_adam_with_betas_for_gans():
    assert (type(Adversary(nn.Linear(4, 1)).optimizer), Adversary(nn.Linear(4, 1)).optimizer.defaults["betas"]) == (
        Adam,
        (0.5, 0.9),
    )
