from functools import partial

import lightning as L
import pytest
import torch
from torch import nn
from torch.optim import AdamW
from torch.utils.data import DataLoader, TensorDataset

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.logit_penalties import Centring
from gan_lab.model.afm import AFM, GradientNormalization
from gan_lab.network import mlp
from gan_lab.penalties import R1, R2
from gan_lab.regularizers import Transport
from gan_lab.schedules import Cosine
from gan_lab.training.build import build
from tests.tiny import context, fit, tiny
from tests.toy import Watch

MLP = ["network=mlp", "network.generator.width=[8]", "network.discriminator.width=[8]"]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ----- what the latents are ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "whole", "latents"),
    [
        (["model.num_classes=null"], 64, 64),
        ([], 74, 64),  # and ten numbers that stand for the label
        (["model.embedding_dim=3"], 67, 64),
        (["data=gaussians", "model.num_classes=null"], 2, 2),
        (["data=gaussians"], 12, 2),
    ],
    ids=str,
)
def test_latents_have_the_shape_of_the_data(options, whole, latents):
    cfg = tiny("model=afm", *MLP, *options)
    assert cfg.network.generator.latent_dim == whole
    gan = build(cfg)
    assert gan.generator.latent_dim == latents
    assert gan.sample(2).flatten(1).shape == (2, latents)


def test_latents_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"a sample has 64 numbers where a latent has 5: change .*latent_dim by \+59"):
        fit(tiny("model=afm", *MLP, "model.num_classes=null", "network.generator.latent_dim=5"))


# ----- the terms of both losses -----------------------------------------------------------------------------------------


def batch_of(gan, player="d"):
    real = normal(8, 1, 8, 8).to(gan.float_type)
    make = gan.discriminator_batch if player == "d" else gan.generator_batch
    return make(real, torch.arange(8) % 3, context(gan, player))


def test_ds_objective_is_that_of_the_paper():
    gan = build(tiny("model=afm", *MLP))
    batch = batch_of(gan)
    terms = gan.discriminator_objective(batch)
    real, fake = gan.logits(batch.real, batch.y), gan.logits(batch.fake, batch.y)
    torch.testing.assert_close(terms["d_loss"], -nn.functional.logsigmoid(real - fake).mean())
    torch.testing.assert_close(terms["centring"], 0.01 * (real + fake).square().mean())
    rng = context(gan).rng
    gan.latents(8, gan.context("d", rng))  # drawn first
    for name, x, logits in (("r1", batch.real, real), ("r2", batch.fake, fake)):
        if name == "r1":
            noises = {"r1": rng.normal(2, 1, 8, 8), "r2": rng.normal(2, 1, 8, 8)}  # of images 0 and 4, in this order
        moved = gan.logits(x[[0, 4]] + 0.01 * noises[name], batch.y[[0, 4]])
        torch.testing.assert_close(terms[name], 0.25 * ((moved - logits[[0, 4]]) / 0.01).square().mean(), rtol=1e-3, atol=1e-6)


def test_d_sees_a_quarter_of_the_images_again_in_one_pass_each():
    gan, rows = build(tiny("model=afm", *MLP)), []
    original = gan.discriminator.features
    gan.discriminator.features = lambda x, y=None: rows.append(len(x)) or original(x, y)
    gan.discriminator_objective(batch_of(gan))
    assert rows == [10, 10]


def test_gs_objective_is_the_loss_and_the_way_from_the_latents():
    gan = build(tiny("model=afm", *MLP, "model.gradient_decay=null", "regularizer.transport.weight=0.2"))
    batch = batch_of(gan, "g")
    terms = gan.generator_objective(batch)
    assert terms.keys() == {"g_loss", "transport"}
    torch.testing.assert_close(terms["g_loss"], -nn.functional.logsigmoid(batch.fake_logits - batch.real_logits).mean())
    torch.testing.assert_close(terms["transport"], 0.2 * (batch.fake.flatten(1) - batch.z).square().mean())


def test_the_transports_weight_falls_along_a_cosine_over_the_run():
    weight = build(tiny("model=afm", *MLP, images=100)).regularizers["transport"].weight
    assert [weight(n) for n in (0, 50, 100, 200)] == pytest.approx([0.2, 0.1025, 0.005, 0.005])


# ----- the gradient's norm ----------------------------------------------------------------------------------------------


def normalised(module, scale, n=6):
    """The gradient at n samples of four numbers of scale times the mean of <w, x>."""
    x, w = normal(n, 4).requires_grad_(), normal(n, 4, seed=1)
    loss = scale * (w * x).sum(1).mean()
    value = module(loss, x)
    assert value.item() == pytest.approx(loss.item())
    return torch.autograd.grad(value, x)[0], w


def test_the_scale_of_the_loss_and_the_size_of_the_batch_do_not_matter():
    for scale, n in ((1e-3, 6), (1, 12), (1e3, 24)):
        gradient, w = normalised(GradientNormalization(0.9).double(), scale, n)
        torch.testing.assert_close(gradient, w / w.square().mean().sqrt() / w.numel(), rtol=1e-5, atol=0)


def test_the_mean_square_runs_without_the_pull_of_its_start():
    module = GradientNormalization(0.9).double()
    gradients = [normalised(module, scale) for scale in (1, 3, 2)]
    _, w = gradients[0]
    squares = (4 * w).square().mean()  # of the gradient of the sum, for samples of four numbers
    mean = squares * (0.81 * 1 + 0.9 * 9 + 4) / (0.81 + 0.9 + 1)
    torch.testing.assert_close(gradients[2][0], 2 * 4 * w / mean.sqrt() / w.numel())


def test_no_gradient_is_none_still_and_in_evaluation_nothing_moves():
    module = GradientNormalization(0.9).double()
    assert not normalised(module, 0.0)[0].any()
    before = module.sums.clone()
    gradient, w = normalised(module.eval(), 1)
    torch.testing.assert_close(gradient, w / len(w))
    assert torch.equal(module.sums, before)


def test_g_feels_the_normalised_gradient():
    gan = build(tiny("model=afm", *MLP, "trainer.precision=64-true", "model.num_classes=null")).double()
    batch = batch_of(gan, "g")
    (plain,) = torch.autograd.grad(gan.generator_loss(batch), batch.fake, retain_graph=True)
    (felt,) = torch.autograd.grad(gan.generator_objective(batch)["g_loss"], batch.fake)
    torch.testing.assert_close(felt, plain / plain.square().mean().sqrt() / plain.numel())


def test_only_the_norm_couples_a_batch():
    assert build(tiny("model=afm", *MLP)).batch_dependent
    plain = [*MLP, "model.gradient_decay=null", "network.generator.norm=none", "data.batch_size=8", "trainer.precision=64-true"]
    whole, parts = (fit(tiny("model=afm", *plain, *options, images=24)) for options in ([], ["accumulate=2"]))
    assert not whole.batch_dependent
    for name, weight in whole.generator.state_dict().items():
        torch.testing.assert_close(parts.generator.state_dict()[name], weight, rtol=0, atol=1e-10)


def test_augmentation_and_parts_go_with_it():
    gan = fit(tiny("model=afm", *MLP, "augment=diffaugment", "accumulate=2", images=8))
    assert gan.gradient_norm.sums[1].item() == pytest.approx(1 + 0.9 + 0.81 + 0.729)


# ----- as a whole -------------------------------------------------------------------------------------------------------


def test_defaults_are_the_authors_preset():
    cfg = compose("train", ["model=afm", "data=cifar10"])
    for player in ("g", "d"):
        optimizer = cfg.optimizer[player]
        assert (optimizer.lr, optimizer.betas, optimizer.weight_decay) == (1e-4, [0.0, 0.9], 0.01)
    assert (cfg.penalty.r1.weight / 2, cfg.penalty.r2.size, cfg.penalty.r2.stride) == (0.25, 0.01, 4)
    assert 0.5 ** (256 / (cfg.model.ema_half_life_kimg * 1000)) == pytest.approx(0.9999, abs=1e-7)


def test_another_model_may_have_its_transport_and_it_another_models_terms():
    watch = Watch(lambda gan: sorted(gan.tracked))
    options = ["regularizer=transport", "network.generator.latent_dim=64"]
    fit(tiny("model=r3gan", *MLP, *options, "model.num_classes=null", images=4), watch)
    fit(tiny("model=afm", *MLP, "penalty=none", "regularizer=none", images=4), watch)
    assert [("transport" in seen) for seen in watch.seen] == [True, False]


# ----- what it learns ---------------------------------------------------------------------------------------------------


def mixture(n, seed):
    """Of two Gaussians on the line, 3 to 7, standard deviation 1.2."""
    generator = torch.Generator().manual_seed(seed)
    mode = torch.where(torch.rand(n, generator=generator) < 0.3, -1.5, 1.0)
    return mode + 0.4 * torch.randn(n, generator=generator)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_the_line_it_learns_the_monotone_map(seed):
    """The optimal transport takes the i-th smallest latent to the i-th smallest sample, and G's way costs as much.

    The optimum is that of the data, not of G's own samples. D learns four times as fast as G, and R1 and R2 have the authors'
    weight: with equal rates and less of them the players circle each other, and the cost swings by a tenth.
    """
    torch.manual_seed(seed)
    steps, batch = 1400, 512
    g_optimizer, d_optimizer = (partial(AdamW, lr=lr, betas=(0.0, 0.9)) for lr in (1e-3, 4e-3))
    estimator = {"estimator": "finite_difference", "stride": 2}
    gan = AFM(
        mlp.Generator(1, 1, 1, width=64), mlp.Discriminator(1, 1, width=64), g_optimizer, d_optimizer, num_classes=None,
        seed=seed,
        penalties={"r1": R1(0.5, **estimator), "r2": R2(0.5, **estimator), "centring": Centring()},
        regularizers={"transport": Transport(Cosine(steps * batch // 2, 3.0, 0.0))}, schedule=Cosine(steps * batch, 1.0, 0.2),
    )  # fmt: skip
    batches = DataLoader(TensorDataset(mixture(600 * batch, seed).view(-1, batch, 1, 1, 1)), batch_size=None, shuffle=True)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    L.Trainer(max_steps=steps, limit_val_batches=0, accelerator="cpu", **quiet).fit(gan, batches)

    n = 1_000_000  # which gives the optimum to a tenth of a per cent
    z = torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n).float()  # sorted, of equal masses
    samples, data = gan.generate(z.view(-1, 1)).flatten(), mixture(n, 99).sort().values
    cost = (samples - z).square().mean()
    assert (cost / (data - z).square().mean()).item() == pytest.approx(1, abs=0.02)
    assert 1 <= (cost / (samples.sort().values - z).square().mean()).item() + 1e-6 <= 1.02
    assert (samples - data).square().mean().sqrt() < 0.15  # of the data's 1.2
