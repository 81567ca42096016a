import math

import pytest
import torch
from torch import nn

from gan_lab.cli.compose import compose
from gan_lab.model.improved_gan import MinibatchDiscriminator, minibatch_similarity
from gan_lab.network.mlp import Discriminator
from gan_lab.training.build import build
from tests.tiny import fit, tiny


def test_nearness_is_the_kernel_to_all_others_and_not_to_oneself():
    points = torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = [
        [sum(math.exp(-sum(abs(a - b) for a, b in zip(points[i, k].tolist(), points[j, k].tolist(), strict=True)))
             for j in range(5) if j != i) / 4 for k in range(3)]
        for i in range(5)
    ]  # fmt: skip
    torch.testing.assert_close(minibatch_similarity(points), torch.tensor(expected, dtype=torch.float64))


def test_a_collapsed_batch_is_as_near_as_can_be_and_a_spread_one_not_at_all():
    assert torch.equal(minibatch_similarity(torch.ones(6, 4, 5)), torch.ones(6, 4))
    assert torch.equal(minibatch_similarity(1000 * torch.eye(6)[:, None]), torch.zeros(6, 1))


def test_an_image_alone_is_near_to_none():
    assert torch.equal(minibatch_similarity(torch.randn(1, 4, 5)), torch.zeros(1, 4))


def test_the_nearness_has_a_gradient_where_points_meet():
    points = torch.zeros(3, 2, 2, requires_grad=True)
    minibatch_similarity(points).sum().backward()
    assert points.grad.isfinite().all()


def discriminator(**options):
    torch.manual_seed(0)
    return MinibatchDiscriminator(Discriminator(1, 8, width=[8], **options), kernels=100, kernel_dim=5)


def test_d_sees_its_features_and_a_hundred_kernels_of_five():
    d, x = discriminator(), torch.randn(4, 1, 8, 8)
    assert d.features(x).shape == (4, 108)
    assert torch.equal(d.features(x)[:, :8], d.discriminator.features(x))
    assert d.kernel.weight.shape == (500, 8)
    assert torch.equal(d(x), d.head(d.features(x)))


def test_a_score_depends_on_the_rest_of_the_batch_and_not_on_its_order():
    d, x = discriminator(), torch.randn(4, 1, 8, 8)
    assert not torch.allclose(d(x)[:2], d(x[:2]))
    torch.testing.assert_close(d(x.flip(0)), d(x).flip(0))


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_nearness_tells_images_apart_whatever_the_size_of_the_features(scale):
    d = discriminator()
    d.discriminator.features = lambda x, y=None: scale * x.flatten(1)[:, :8]
    kernels = d.features(torch.randn(64, 1, 8, 8))[:, 8:]
    assert 0.05 < kernels.mean() < 0.8


def test_every_weight_of_d_learns():
    gan = fit(tiny("model=improved_gan", images=4))
    start = build(tiny("model=improved_gan")).discriminator
    moved = {
        n: not torch.equal(p, q) for (n, p), q in zip(gan.discriminator.named_parameters(), start.parameters(), strict=True)
    }
    assert all(moved.values()), moved


def test_kernels_and_last_layer_start_as_asked():
    torch.manual_seed(0)
    d = MinibatchDiscriminator(Discriminator(1, 8, width=[8]), kernels=999, kernel_dim=5, head_init="normal")
    assert d.kernel.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert d.output.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not d.output.bias.any()
    assert build(tiny("model=improved_gan", "model.head_init=normal")).discriminator.kernel.weight.std() < 0.025


def test_with_spectral_norm_the_new_layers_are_normalised_too():
    d = discriminator(norm="spectral")
    linear = [m for m in d.modules() if isinstance(m, nn.Linear)]
    assert len(linear) == 3
    assert all(hasattr(m, "parametrizations") for m in linear)


def test_the_papers_other_techniques_are_options():
    options = [
        "trick=[soft_labels,historical_averaging]",
        "regularizer=feature_matching",
        "network.generator.norm=virtual_batch",
    ]
    tracked = fit(tiny("model=improved_gan", *options, images=8)).tracked
    assert {"d_historical_averaging", "g_historical_averaging", "feature_matching"} <= tracked.keys()


def test_defaults_are_the_papers():
    cfg = compose("train", ["model=improved_gan"])
    assert (cfg.model.kernels, cfg.model.kernel_dim) == (100, 5)
    assert (cfg.trick.soft_labels.real, cfg.trick.soft_labels.fake) == (0.9, 0)
    for optimizer in (cfg.optimizer.g, cfg.optimizer.d):
        assert (optimizer.lr, optimizer.betas) == (3e-4, [0.5, 0.999])
