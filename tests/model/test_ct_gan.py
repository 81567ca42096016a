from copy import deepcopy

import torch

from gan_lab.cli.compose import compose
from gan_lab.training.build import build
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny

SAME = ["network=mlp", "network.generator.width=[8,8]", "network.discriminator.width=[8,8]"]


def test_the_term_is_0_without_dropout_and_not_with_it():
    assert fit(tiny("model=ct_gan", *SAME, images=8)).tracked["dropout_consistency"] > 0
    assert fit(tiny("model=ct_gan", *SAME, "network.discriminator.dropout=0", images=8)).tracked["dropout_consistency"] == 0


def test_without_dropout_it_is_wgan_gp():
    plain = fit(tiny("model=ct_gan", *SAME, "network.discriminator.dropout=0"))
    gp = fit(tiny("model=wgan_gp", *SAME))
    assert equal(plain.generator, gp.generator)
    assert equal(plain.discriminator, gp.discriminator)


def test_the_term_compares_two_dropouts_of_the_same_reals_and_the_loss_has_the_first():
    gan, passes = build(tiny("model=ct_gan", "network=mlp", "penalty=dropout_consistency", images=4)), []
    score = deepcopy(gan.discriminator.output)  # as it is in the first step
    gan.discriminator.hidden.register_forward_hook(lambda module, args, features: passes.append((args[0], features.detach())))
    fit(tiny("model=ct_gan", images=4), gan=gan)  # one step of the critic, none of G
    (real, first), (_, fake), (again, second) = passes
    assert torch.equal(real, again)
    distances = (score(first) - score(second)).square().squeeze(1) + 0.1 * (first - second).square().mean(1)
    torch.testing.assert_close(gan.tracked["dropout_consistency"], 2 * distances.mean().detach())
    torch.testing.assert_close(gan.tracked["d_loss"], (score(fake).mean() - score(first).mean()).detach())


def test_defaults_are_the_authors_cifar_10_recipe():
    cfg = compose("train", ["model=ct_gan"])
    assert list(cfg.penalty) == ["wgan_gp", "dropout_consistency"]
    assert cfg.penalty.dropout_consistency.weight == 2
    assert (cfg.model.d_steps, cfg.model.g_batch_ratio, cfg.network.discriminator.dropout) == (5, 2, 0.5)
    assert (cfg.optimizer.d.lr, cfg.optimizer.d.betas) == (2e-4, [0.0, 0.9])
