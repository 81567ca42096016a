import pytest
import torch

from gan_lab.model.vae_gan import Gate, half_squares
from gan_lab.training.build import build
from gan_lab.training.short_run import equal
from tests.tiny import context, fit, tiny

VAE_GAN = ["model=vae_gan", "network.discriminator.norm=layer", "network.generator.norm=layer", "network.generator.width=8",
           "network.discriminator.width=8"]  # fmt: skip


def real(n=4):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def trained():
    gan = fit(tiny(*VAE_GAN, images=8))
    gan.zero_grad(set_to_none=True)
    return gan.train()


def gradients(module):
    return [weight.grad for weight in module.parameters() if weight.grad is not None]


def test_no_gradient_of_the_gan_reaches_the_encoder(trained):
    trained.generator_loss(trained.generator_batch(real(), None, context(trained, "g"))).backward()
    assert gradients(trained.generator)
    assert not gradients(trained.encoder)


def test_the_error_in_ds_features_teaches_encoder_and_decoder_and_not_d(trained):
    trained.generator_gradient(real(), None, context(trained, "g"))
    assert all(gradient.any() for gradient in gradients(trained.encoder)) and gradients(trained.generator)
    assert not gradients(trained.discriminator)


def test_d_learns_from_scores_alone(trained):
    trained.discriminator_gradient(real(), None, context(trained))
    assert gradients(trained.discriminator)
    assert not gradients(trained.encoder) and not gradients(trained.generator)


def test_every_other_fake_of_d_is_a_reconstruction_and_the_rest_are_samples(trained):
    x, numbers = real(6), trained.generator.latent_dim
    trained.encode = lambda images, step: (images.sum((1, 2, 3))[:, None].expand(-1, numbers), None, None)
    made = []
    trained.generator.register_forward_hook(lambda module, inputs, output: made.append((inputs[0], output)))
    for batch_of, ratio in ((trained.discriminator_batch, 1), (trained.generator_batch, trained.g_batch_ratio)):
        z = trained.latents(6 * ratio, context(trained))
        batch = batch_of(x, None, context(trained))
        seen, fake = made.pop()
        assert torch.equal(batch.fake, fake)
        assert torch.equal(seen[1::2], z[1::2])
        assert torch.equal(seen[::2, 0], x.repeat_interleave(ratio, 0)[::2].sum((1, 2, 3)))


def test_the_log_variance_is_held_within_10():
    encoder = build(tiny(*VAE_GAN)).encoder
    encoder.head.bias.data.fill_(1e3)
    assert (encoder(real())[1] == 10).all()
    encoder.head.bias.data.fill_(-1e3)
    assert (encoder(real())[1] == -10).all()


def test_the_prior_is_the_divergence_from_the_standard_normal():
    gan, mean, log_variance = build(tiny(*VAE_GAN)), torch.tensor([[0.5, -1.0]]), torch.tensor([[0.2, -0.3]])
    gan.encode = lambda images, step: (torch.zeros(1, gan.generator.latent_dim), mean, log_variance)
    gan.feature_weight = 0
    batch = type("Batch", (), {"real": real(1), "y": None, "step": context(gan)})
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)).sum()
    torch.testing.assert_close(gan.generator_terms(batch)["prior"], expected)


def test_errors_are_negative_log_likelihoods_of_a_normal_distribution():
    a, b = real(3), real(3).flip(0)
    density = torch.distributions.Normal(b, 1.0).log_prob(a) + 0.5 * torch.log(torch.tensor(2 * torch.pi))
    torch.testing.assert_close(half_squares(a, b), -density.flatten(1).sum(1).mean())


def test_without_the_gans_weight_d_does_not_matter_and_it_is_a_vae():
    options = [*VAE_GAN, "model.gan_weight=0", "model.feature_weight=0", "model.pixel_weight=1"]
    slow, fast = (fit(tiny(*options, f"optimizer.d.lr={rate}")) for rate in (1e-4, 1e-2))
    assert equal(slow.generator, fast.generator) and equal(slow.encoder, fast.encoder)
    assert not equal(slow.discriminator, fast.discriminator)
    assert set(slow.tracked) >= {"prior", "pixel_error"}


@pytest.mark.slow
def test_a_vae_reconstructs_what_it_has_seen():
    nets = ["network=mlp", "network.generator.width=[64]", "network.generator.norm=none", "network.discriminator.width=[64]"]
    vae = ["model.gan_weight=0", "model.feature_weight=0", "model.pixel_weight=1", "optimizer.g.lr=3e-3"]
    options = ["model=vae_gan", "data=digits", "data.batch_size=64", *nets, *vae]
    gan = fit(tiny(*options, images=64 * 300))
    x = torch.stack([gan.trainer.datamodule.train_set[i][0] for i in range(64)]) / 127.5 - 1
    mean, _ = gan.encoder(x)
    error = (gan.generator(mean) - x).square().mean()
    assert error < 0.8 * (x - x.mean(0)).square().mean()


def test_the_encoder_moves_with_an_optimizer_of_its_own_that_counts_no_steps():
    gan = fit(tiny(*VAE_GAN, images=16))
    assert gan.network_of(gan.trainer.optimizers[2]) == "e"
    assert gan.trainer.global_step == gan.g_steps_done == 4
    assert not equal(gan.encoder, build(tiny(*VAE_GAN)).encoder)


@pytest.mark.parametrize(
    ("real_cost", "fake_cost", "waits"),
    [(0.7, 0.7, (False, False)), (0.2, 0.7, (True, False)), (0.7, 0.2, (True, False)), (1.2, 0.7, (False, True)),
     (0.2, 1.2, (False, False))],
)  # fmt: skip
def test_at_the_gate_the_stronger_player_waits_and_never_both(real_cost, fake_cost, waits):
    assert Gate()(real_cost, fake_cost) == waits


@pytest.mark.parametrize(("equilibrium", "still"), [(9.0, "discriminator"), (-9.0, "generator")])
def test_who_waits_does_not_move(equilibrium, still):
    options = [*VAE_GAN, "model/gate=equilibrium", f"model.gate.equilibrium={equilibrium}"]
    start, gan = build(tiny(*options)), fit(tiny(*options, images=16))
    moved = {name for name in ("generator", "discriminator", "encoder") if not equal(getattr(start, name), getattr(gan, name))}
    assert moved == {"generator", "discriminator", "encoder"} - {still}


def test_the_gate_is_off_by_default():
    assert build(tiny(*VAE_GAN)).gate is None


def test_the_picture_shows_held_out_images_above_their_reconstructions_and_samples_below():
    gan = fit(tiny(*VAE_GAN, images=8))
    picture, held_out = gan.preview(16), gan.trainer.datamodule.held_out_set
    assert picture.shape == (16, 1, 8, 8)
    expected = torch.stack([held_out[i][0] for i in range(4)]) / 127.5 - 1
    torch.testing.assert_close(picture[:4], expected)
    gan.encoder.eval()
    torch.testing.assert_close(picture[4:8], gan.generate(gan.encoder(expected)[0]))
    torch.testing.assert_close(picture[8:], gan.sample(range(8)))


def test_a_small_picture_has_a_row_of_each_kind():
    gan = fit(tiny(*VAE_GAN, images=8))
    assert [len(gan.preview(n)) for n in (1, 2, 4, 9)] == [3, 3, 6, 9]
