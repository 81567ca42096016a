import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.model.logan import GradientStep, NaturalStep
from gan_lab.training.short_run import equal
from tests.tiny import context, fit, tiny

MLP = ["network=mlp", "network.generator.width=[8]", "network.generator.norm=none", "network.discriminator.width=[8]",
       "trainer.precision=64-true"]  # fmt: skip
STEPS = pytest.mark.parametrize("step", ["gradient", "natural"])


def logan(*overrides):
    """After two steps of training, and in a third."""
    return fit(tiny("model=logan", *MLP, *overrides, images=8))


@STEPS
def test_with_a_step_of_size_0_it_is_its_parent_bit_for_bit(step):
    step = f"model/latent_step={step}"
    plain = logan(step, "model.latent_step.size=0")
    assert equal(plain, fit(tiny("model=hinge", "model/latent=uniform", *MLP, images=8)))
    assert not equal(plain, logan(step))


@STEPS
def test_a_small_step_raises_the_score_of_the_fake(step):
    gan = logan(f"model/latent_step={step}", "model.latent_step.size=1e-3", "model.latent_bound=inf")
    z = gan.latents(64, context(gan))
    before, after = (gan.logits(gan.generator(latents), None) for latents in (z, gan.moved(z, None, context(gan))))
    assert (after > before).all()


def test_the_natural_step_is_the_inverse_of_the_damped_fisher_matrix():
    gradient = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fisher = gradient[:, :, None] * gradient[:, None] + 0.3 * torch.eye(7)
    torch.testing.assert_close(NaturalStep(0.9, 0.3)(gradient), 0.9 * torch.linalg.solve(fisher, gradient))
    torch.testing.assert_close(GradientStep(0.9)(gradient), 0.9 * gradient)


def test_some_latents_stay_and_none_leaves_the_bounds():
    gan = logan("model.latent_step.size=50", "model.latent_share=0.3")
    z = gan.latents(16, context(gan))
    moved = gan.moved(z, None, context(gan))
    assert (moved != z).any(0).tolist() == [True] * 30 + [False] * 70
    assert moved.abs().max() == 1


def test_ds_step_takes_the_moved_latents_as_they_are():
    gan = logan()
    batch = gan.discriminator_batch(torch.randn(4, 1, 8, 8).double(), None, context(gan))
    assert not batch.fake.requires_grad
    torch.testing.assert_close(batch.fake, gan.generator(gan.moved(batch.z, None, context(gan))))
    assert not torch.allclose(batch.fake, gan.generator(batch.z))


def test_the_regulariser_is_the_squared_length_of_the_change_and_is_not_counted_twice():
    gan = logan("model.latent_weight=3")
    batch = gan.generator_batch(torch.randn(4, 1, 8, 8).double(), None, context(gan, "g"))
    expected = 3 * (gan.moved(batch.z, None, context(gan)) - batch.z).square().sum(1).mean()
    torch.testing.assert_close(gan.generator_terms(batch), {"g_latent_change": expected})
    assert gan.generator_terms(batch) == {}


@STEPS
def test_gs_gradient_goes_through_the_step(step):
    gan = logan(f"model/latent_step={step}", "model.latent_step.size=0.5", "model.latent_weight=2", "model.latent_bound=inf")
    z = gan.latents(4, context(gan))
    gan.latents = lambda n, step: z

    def loss():
        batch = gan.generator_batch(z[:, :64].view(4, 1, 8, 8), None, context(gan, "g"))
        return sum(gan.generator_terms(batch).values(), gan.generator_loss(batch))

    weight = gan.generator.output.bias
    (gradient,) = torch.autograd.grad(loss(), weight)
    with torch.no_grad():
        index, tiny_step = gradient.abs().argmax(), 1e-6
        weight[index] += tiny_step
        above = loss_without_graph(loss)
        weight[index] -= 2 * tiny_step
        below = loss_without_graph(loss)
    assert gradient[index].item() == pytest.approx((above - below) / (2 * tiny_step), rel=1e-5)


def loss_without_graph(loss):
    with torch.enable_grad():
        return loss().item()


def test_defaults_are_the_papers_natural_step():
    cfg = compose("train", ["model=logan"])
    assert (cfg.model.latent_step.size, cfg.model.latent_step.damping) == (0.9, 5)
    assert (cfg.model.latent_weight, cfg.model.latent_share, cfg.model.latent_bound) == (300, 0.5, 1)
    assert cfg.model.latent.path == "gan_lab.latents.uniform"
    assert cfg.network.discriminator.norm == "spectral"
