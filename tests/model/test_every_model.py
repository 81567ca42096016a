"""What holds for each GAN, found in conf/model: a new one is tested by being there."""

from copy import deepcopy

import pytest
import torch

from gan_lab.rng import Stream
from gan_lab.training import invariants
from gan_lab.training.build import build
from gan_lab.training.checked_gan import CheckedGAN
from gan_lab.training.invariants import INVARIANTS
from gan_lab.training.short_run import equal
from tests.tiny import EVERY_MODEL, MODELS, TINY_IMAGES, context, fit, tiny

SLOW = (invariants.two_processes,)  # tests/test_check.py


@pytest.fixture(scope="module", params=EVERY_MODEL)
def model(request):
    return request.param


@pytest.fixture(scope="module")
def checked(model, tmp_path_factory):
    """40 images: two steps of G where D has five to one of G."""
    return CheckedGAN(tiny(f"model={model}", images=40), tmp_path_factory.mktemp(model))


IMPLIED = (invariants.same_seed, invariants.capturable_steps)
"""By an exact resume, but for the other weights of another seed, and by tests/training/test_capturable.py."""
NAMES = [
    pytest.param(name, marks=pytest.mark.slow if check in IMPLIED else ())
    for name, check in INVARIANTS.items()
    if check not in SLOW
]


@pytest.mark.parametrize("name", NAMES)
def test_it_passes(checked, name):
    assert INVARIANTS[name](checked)


def test_the_preview_and_the_judges_have_latents_of_their_own(checked):
    gan, spy = checked.run
    preview = gan.latent_rows(range(8), gan.seed, Stream.SAMPLE)
    judged = gan.latent_rows(range(8), gan.seed, Stream.VALIDATION)
    rows = [tuple(row.tolist()) for batch in (*spy.latents, preview, judged) for row in batch]
    assert len(set(rows)) == len(rows)


def test_a_model_can_be_copied_and_rebuilt(model):
    gan = build(tiny(f"model={model}"))
    assert equal(gan, build(tiny(f"model={model}")))
    assert equal(gan, deepcopy(gan))


WAYS = ("wgan_gp", "infogan")
"""To accumulate: a penalty of D, and a network that both players train."""
NO_BATCH_STATISTIC = ["network=mlp", "network.generator.norm=none", "network.generator.width=[8]",
                      "network.discriminator.width=[8]", "network.discriminator.norm=none", "network.discriminator.dropout=0.0",
                      "model.growth=null", "trainer.precision=64-true", "data.batch_size=16"]  # fmt: skip


@pytest.mark.parametrize("model", [pytest.param(m, marks=() if m in WAYS else pytest.mark.slow) for m in MODELS])
def test_parts_of_a_batch_add_up_to_the_large_batch(model):
    def train(*overrides):
        return fit(tiny(f"model={model}", *TINY_IMAGES, *NO_BATCH_STATISTIC, "model.g_batch_ratio=2", *overrides, images=96))

    whole, parts = train(), train("accumulate=4")
    if whole.batch_dependent:
        assert not equal(whole, parts)
        return
    assert whole.g_steps_done == parts.g_steps_done > 0
    for name, value in weights_by_name(whole).items():
        torch.testing.assert_close(weights_by_name(parts)[name], value, rtol=0, atol=1e-10)
    for name, value in whole.tracked.items():
        torch.testing.assert_close(parts.tracked[name], value, rtol=0, atol=1e-8)


def weights_by_name(gan):
    return {name: value for name, value in gan.state_dict().items() if torch.is_tensor(value)}


def test_d_hears_of_a_fake_the_label_that_g_got(model):
    gan = fit(tiny(f"model={model}", images=4))
    asked = []
    gan.generator.register_forward_hook(lambda module, inputs, output: asked.append(inputs[1]))
    y = torch.tensor([2, 0, 1, 1])
    for batch_of in (gan.discriminator_batch, gan.generator_batch):
        asked.clear()
        batch = batch_of(torch.zeros(4, 1, 8, 8), y, context(gan))
        assert torch.equal(asked[-1], batch.fake_y)
        assert len(asked[-1]) == len(batch.fake)
