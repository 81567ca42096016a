"""What holds for each GAN, found in conf/model: a new one is tested by being there."""

from copy import deepcopy
from functools import partial

import lightning as L
import pytest
import torch
from torch.nn.utils import parameters_to_vector

from gan_lab import checkpoint
from gan_lab.build import build
from gan_lab.noise import Stream
from tests.tiny import MODELS, TINY_IMAGES, fit, tiny

pytestmark = pytest.mark.parametrize("model", MODELS)


def same(a, b) -> bool:
    """Whether two modules have bit-equal states, clocks included."""
    one, two = a.state_dict(), b.state_dict()
    return one.keys() == two.keys() and all(
        torch.equal(one[name], two[name]) if torch.is_tensor(one[name]) else one[name] == two[name] for name in one
    )


def weights(module):
    return parameters_to_vector(module.parameters()).detach().clone()


class Spy(L.Callback):
    """Wraps the GAN's four moves and notes which network's weights each one moved."""

    MOVES = ("discriminator_gradient", "discriminator_step", "generator_gradient", "generator_step")

    def __init__(self):
        self.moved, self.reals, self.latents = [], [], []

    def on_fit_start(self, trainer, gan):
        for move in self.MOVES:
            setattr(gan, move, partial(self.watch, gan, move, getattr(gan, move)))
        draw = gan.latents
        gan.latents = lambda n: self.latents.append(draw(n)) or self.latents[-1]

    def watch(self, gan, name, move, *args):
        if name == "discriminator_gradient":
            self.reals.append(args[0].clone())
        before = [weights(net) for net in (gan.generator, gan.discriminator, gan.generator_ema)]
        gradients = [p.grad for p in gan.generator.parameters()]
        move(*args)
        after = [weights(net) for net in (gan.generator, gan.discriminator, gan.generator_ema)]
        self.moved.append((name, [not torch.equal(x, y) for x, y in zip(before, after, strict=True)]))
        if name.startswith("discriminator"):
            assert all(p.grad is g for p, g in zip(gan.generator.parameters(), gradients, strict=True))
        assert all(p.requires_grad for p in gan.discriminator.parameters())


@pytest.fixture
def spied(model):
    spy = Spy()
    gan = fit(tiny(f"model={model}", images=96), spy)
    return gan, spy


def test_each_optimizer_moves_only_its_own_parameters(spied):
    for name, (g_moved, d_moved, ema_moved) in spied[1].moved:
        assert g_moved == (name == "generator_step")
        assert d_moved == (name == "discriminator_step")
        assert not ema_moved


def test_there_are_k_steps_of_d_per_step_of_g_each_on_fresh_reals(spied):
    gan, spy = spied
    steps = [name[0] for name, _ in spy.moved if name.endswith("_step")]
    assert (gan.d_steps_done, gan.images_seen) == (24, 96)
    assert gan.g_steps_done == steps.count("g") == 24 // gan.d_steps
    assert "".join(steps).startswith("d" * gan.d_steps + "g")
    assert gan.trainer.global_step == gan.g_steps_done
    assert len({tuple(real.flatten().tolist()) for real in spy.reals}) == 24


def test_no_latents_are_used_twice_and_the_preview_has_its_own(spied):
    gan, spy = spied
    preview = gan.latent_rows(range(8), gan.seed, Stream.SAMPLE)
    judged = gan.latent_rows(range(8), gan.seed, Stream.VALIDATION)
    rows = [tuple(row.tolist()) for batch in (*spy.latents, preview, judged) for row in batch]
    assert len(set(rows)) == len(rows)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(model):
    runs = [fit(tiny(f"model={model}", f"seed={seed}")) for seed in (0, 0, 1)]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_samples_of_a_checkpoint_are_those_of_the_run(model, tmp_path):
    cfg = tiny(f"model={model}")
    gan = fit(cfg, checkpoint.StandAlone(cfg, []))
    checkpoint.save(gan.trainer, tmp_path / "a.ckpt")
    loaded, _ = checkpoint.load(tmp_path / "a.ckpt")
    images = gan.sample(range(4))
    assert torch.equal(images, loaded.sample(range(4)))
    assert images.shape == (4, 1, 8, 8)
    assert images.abs().max() <= 1
    assert not torch.equal(loaded.sample(range(4)), loaded.sample(range(4), seed=1))


@pytest.mark.parametrize("stop", [5, 6, 7])  # before, at and after the validation that ends step 6
def test_a_resumed_run_equals_an_undisturbed_one_bit_for_bit(model, stop, tmp_path):
    options = {"limit_val_batches": 1, "val_check_interval": 6}
    whole = fit(tiny(f"model={model}"), **options)
    cfg = tiny(f"model={model}")
    cfg.callback.limit.max_images = stop * 4
    half = fit(cfg, **options)
    half.trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed = fit(tiny(f"model={model}"), ckpt_path=tmp_path / "half.ckpt", **options)
    assert same(whole, resumed)


def test_validating_does_not_change_training(model):
    judged = fit(tiny(f"model={model}"), limit_val_batches=2, val_check_interval=3)
    assert same(judged, fit(tiny(f"model={model}")))


def test_a_model_can_be_copied_and_rebuilt(model):
    gan = build(tiny(f"model={model}"))
    assert same(gan, build(tiny(f"model={model}")))
    assert same(gan, deepcopy(gan))


NO_BATCH_STATISTIC = ["network=mlp", "network.generator.norm=none", "network.generator.width=[8]",
                      "network.discriminator.width=[8]", "network.discriminator.norm=none", "trainer.precision=64-true", "data.batch_size=8"]  # fmt: skip


def test_parts_of_a_batch_add_up_to_the_large_batch(model):
    def train(*overrides):
        return fit(tiny(f"model={model}", *TINY_IMAGES, *NO_BATCH_STATISTIC, "model.g_batch_ratio=2", *overrides))

    whole, parts = train(), train("accumulate=4")
    if whole.couples_batch:
        assert not same(whole, parts)
        return
    assert whole.g_steps_done == parts.g_steps_done > 0
    for name, value in weights_by_name(whole).items():
        torch.testing.assert_close(weights_by_name(parts)[name], value, rtol=0, atol=1e-10)
    for name, value in whole.tracked.items():
        torch.testing.assert_close(parts.tracked[name], value, rtol=0, atol=1e-8)


def weights_by_name(gan):
    return {name: value for name, value in gan.state_dict().items() if torch.is_tensor(value)}
