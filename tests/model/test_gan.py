"""The 2014 game step by step, on the pair where it can be computed by hand."""

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.optim import SGD

from gan_lab import latents, losses
from gan_lab.callback.loss_logger import LossLogger
from gan_lab.errors import InputError
from gan_lab.model.base import TrainedNetwork
from gan_lab.model.batch import Batch, StepContext
from gan_lab.model.gan import frozen
from gan_lab.rng import StepRNG
from gan_lab.training.build import build
from tests.tiny import context, fit, tiny
from tests.toy import BATCH, DIRAC, LR, THETA, W, Watch, after_one_step, sigmoid


def test_alternating_g_sees_the_d_that_has_stepped():
    w = W - LR * sigmoid(2 * W * THETA) * THETA
    theta = THETA + LR * sigmoid(-2 * w * THETA) * w
    assert after_one_step("model=gan") == pytest.approx((w, theta))


def test_simultaneously_both_gradients_are_taken_before_either_step():
    w = W - LR * sigmoid(2 * W * THETA) * THETA
    theta = THETA + LR * sigmoid(-2 * W * THETA) * W
    assert after_one_step("model=gan", "model.simultaneous=true") == pytest.approx((w, theta))


def test_a_regularizer_adds_to_gs_loss_alone():
    w = W - LR * sigmoid(2 * W * THETA) * THETA
    theta = THETA + LR * (sigmoid(-2 * w * THETA) * w - 2 * 0.3 * THETA)
    assert after_one_step("model=gan", "regularizer=l2", "regularizer.l2.weight=0.3") == pytest.approx((w, theta))


def test_penalties_add_up_in_ds_loss_alone():
    w = W - LR * (sigmoid(2 * W * THETA) * THETA + (0.3 + 0.2) * W)  # of a linear critic, R1 = R2 = gamma / 2 |w|^2
    theta = THETA + LR * sigmoid(-2 * w * THETA) * w
    penalties = ["penalty=[r1,r2]", "penalty.r1.weight=0.3", "penalty.r2.weight=0.2"]
    assert after_one_step("model=gan", *penalties) == pytest.approx((w, theta))


@pytest.mark.parametrize(("d_steps", "g_steps", "since_g"), [(1, 7, 0), (2, 3, 1), (5, 1, 2)])
def test_the_clocks_count_reals_and_the_steps_of_each_player(d_steps, g_steps, since_g):
    gan = fit(tiny(f"model.d_steps={d_steps}", images=28))
    clocks = {"images_seen": 28, "d_steps_done": 7, "g_steps_done": g_steps, "d_steps_since_g": since_g}
    assert gan.get_extra_state() == clocks
    assert gan.trainer.global_step == g_steps


def test_ds_steps_may_be_a_function_of_gs():
    cfg, watch = tiny(images=32), Watch(lambda gan: gan.g_steps_done)
    gan = build(cfg)
    gan.d_steps = lambda g_steps_done: 3 if g_steps_done in (0, 2) else 1
    fit(cfg, watch, gan=gan)
    assert watch.seen == [0, 0, 1, 2, 2, 2, 3, 4]


@pytest.mark.parametrize("ratio", [1, 2])
def test_g_may_make_more_fakes_than_there_are_reals(ratio):
    cfg, rows = tiny(f"model.g_batch_ratio={ratio}", images=8), []
    gan = build(cfg)
    gan.generator.register_forward_hook(lambda module, args, images: rows.append(len(images)))
    fit(cfg, gan=gan)
    assert rows == [4, 4 * ratio] * 2


def test_freezing_ends_with_its_block_even_by_an_exception_and_wakes_nothing():
    net = nn.Linear(2, 1)
    net.bias.requires_grad_(False)
    with pytest.raises(KeyError), frozen([TrainedNetwork("d", net, SGD, "d")]):
        assert not net.weight.requires_grad
        raise KeyError
    assert net.weight.requires_grad
    assert not net.bias.requires_grad


def test_the_average_moves_at_gs_steps_by_the_images_since_the_last():
    watch = Watch(lambda gan: (gan.generator.theta[0].item(), gan.generator_ema.theta[0].item()))
    half_life = 3 * BATCH
    options = ["model.d_steps=2", f"model.ema_half_life_kimg={half_life / 1000}", "model.ema_ramp=null"]
    fit(tiny(*DIRAC, "model=gan", *options, images=6 * BATCH), watch)
    average, decay = THETA, 0.5 ** (2 * BATCH / half_life)
    for step, (theta, measured) in enumerate(watch.seen, 1):
        if step % 2 == 0:
            average = decay * average + (1 - decay) * theta
        assert measured == pytest.approx(average)
    assert average != pytest.approx(watch.seen[-1][0])


def test_learning_rates_follow_the_schedule_from_the_first_image_to_the_last():
    watch = Watch(lambda gan: [optimizer.param_groups[0]["lr"] for optimizer in gan.all_optimizers])
    fit(tiny("schedule=linear", "optimizer.g.lr=0.4", "optimizer.d.lr=0.8", images=16), watch)
    assert watch.seen == [pytest.approx([0.4 * f, 0.8 * f]) for f in (1, 0.75, 0.5, 0.25)]


def test_this_runs_settings_of_the_optimizers_win_over_the_checkpoints(tmp_path):
    fit(tiny("optimizer=adam", images=8)).trainer.save_checkpoint(tmp_path / "a.ckpt")
    cfg = tiny("optimizer=adam", "optimizer.d.lr=0.03", "optimizer.d.betas=[0.1,0.2]", images=16)
    gan = fit(cfg, ckpt_path=tmp_path / "a.ckpt")
    group, state = gan.all_optimizers[1].param_groups[0], gan.all_optimizers[1].state
    assert (group["lr"], group["betas"]) == (0.03, (0.1, 0.2))
    assert {int(s["step"]) for s in state.values()} == {4}  # and the moments go on


@pytest.mark.parametrize("name", ["normal", "uniform", "sphere"])
def test_latents_are_drawn_as_chosen_in_training_and_in_sampling(name):
    gan = fit(tiny(f"model/latent={name}", images=4))
    for z in (gan.latents(50, context(gan)), gan.latent_rows(range(50), seed=0)):
        assert z.shape == (50, gan.generator.latent_dim)
        on_sphere = torch.allclose(z.norm(dim=1), torch.tensor(z.shape[1] ** 0.5), rtol=1e-5)
        in_cube = z.abs().max().item() <= 1
        assert (in_cube, on_sphere) == (name == "uniform", name == "sphere")
    assert gan.latent is getattr(latents, name)


@pytest.mark.parametrize(
    ("name", "loss"),
    [("non_saturating", losses.non_saturating_g), ("saturating", losses.saturating_g), ("kl", losses.kl_g)],
)
@pytest.mark.parametrize("model", ["gan", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_gs_loss_is_chosen_by_name(model, name, loss):
    gan, scores = build(tiny(f"model={model}", f"model/g_loss={name}")), torch.linspace(-2, 3, 6)
    batch = Batch(scores, scores, None, None, lambda x, y: x, StepContext(StepRNG(0)))
    assert torch.equal(gan.generator_loss(batch), loss(scores))


# ----- norms of gradients, and 16-bit floats -------------------------------------------------------------------------------


class Gradients(L.Callback):
    """Notes the norm of each gradient before the limit, and after it."""

    def __init__(self):
        self.before, self.after = {}, {}

    def on_train_start(self, trainer, gan):
        for optimizer in trainer.optimizers:
            seen = self.after.setdefault(gan.network_of(optimizer), [])
            optimizer.register_step_post_hook(lambda optimizer, *_, seen=seen: seen.append(norm_of(optimizer)))

    def on_before_optimizer_step(self, trainer, gan, optimizer):
        self.before.setdefault(gan.network_of(optimizer), []).append(norm_of(optimizer))


def norm_of(optimizer):
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients).item()


def test_each_networks_gradient_has_a_limit_of_its_own():
    watch = Gradients()
    fit(tiny("model=gan", "clip_grad_norm.d=0.01"), watch)
    assert min(watch.before["d"]) > 0.011
    assert watch.after["d"] == pytest.approx([0.01] * 12, rel=1e-3)
    assert watch.after["g"] == pytest.approx(watch.before["g"])


def with_scaler(scale, growth_interval, *overrides, callbacks=()):
    """Trains in 16 bits on the CPU, where Lightning would take bfloat16 by itself; the interval is in optimizer steps."""
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=growth_interval)
    plain = ["optimizer=sgd", "optimizer.g.lr=0.05", "optimizer.d.lr=0.05", "network.generator.norm=none"]
    cfg = tiny("model=gan", *plain, "speed.precision=null", *overrides)
    return fit(cfg, *callbacks, plugins=[MixedPrecision("16-mixed", "cpu", scaler=scaler)]), scaler


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param([], marks=pytest.mark.slow),
        ["clip_grad_norm.d=0.05", "clip_grad_norm.g=0.05"],
        pytest.param(["accumulate=2"], marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_the_scale_of_16_bits_reaches_no_step_though_it_changes_between_any_two(extra):
    (still, _), (moving, scaler) = with_scaler(1.0, 1000, *extra), with_scaler(2.0**-10, 1, *extra)
    assert scaler.get_scale() == 2.0 ** (24 - 10)  # it doubled after each of 24 steps
    for name in ("generator", "discriminator"):
        start = weights_of(getattr(build(tiny("model=gan", "network.generator.norm=none")), name))
        moves = [weights_of(getattr(gan, name)) - start for gan in (still, moving)]
        assert moves[0].norm() > 0.02
        torch.testing.assert_close(*moves, rtol=0, atol=0.02 * moves[0].norm().item())


def weights_of(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach()


def test_an_overflow_in_16_bits_skips_a_step_and_is_no_divergence():
    gan, scaler = with_scaler(2.0**30, 1000, callbacks=[LossLogger(every_steps=1)])
    assert scaler.get_scale() < 2.0**30
    assert all(weights.isfinite().all() for weights in gan.parameters())


def test_simultaneous_steps_in_16_bits_are_refused():
    with pytest.raises(InputError, match=r"^model.simultaneous=true does not go with 16-bit floats"):
        with_scaler(1.0, 1000, "model.simultaneous=true")
