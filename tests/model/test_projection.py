import pytest
import torch
from torch import nn

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.model.projection import Projection
from gan_lab.network import layers, resnet
from gan_lab.training.build import build
from tests.tiny import tiny


def count(net):
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.slow
def test_the_pair_of_the_paper_at_32_pixels_and_10_classes():
    with torch.device("meta"):
        g = resnet.Generator(128, 3, 32, num_classes=10)
        d = Projection(resnet.Discriminator(3, 32, norm="spectral"), 10)
    assert (count(g), count(d)) == (4_304_387, 1_055_105)


def test_the_score_is_that_of_the_features_and_their_product_with_the_labels_embedding():
    torch.manual_seed(0)
    d = Projection(resnet.Discriminator(1, 8, width=4), 3)
    x, y = torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 1])
    features = d.discriminator.features(x)
    expected = [
        d.discriminator.head(f[None]).item() + (d.embedding.weight[k] @ f).item() for f, k in zip(features, y, strict=True)
    ]
    torch.testing.assert_close(d(x, y), torch.tensor(expected))


def test_the_embedding_is_spectrally_normalised_where_the_scores_are():
    for norm in ("spectral", "none"):
        d = Projection(resnet.Discriminator(1, 8, width=4, norm=norm), 3)
        assert hasattr(d.embedding, "parametrizations") == (norm == "spectral")


@pytest.mark.parametrize("model", ["projection", "sagan", "biggan"])
def test_the_embedding_starts_as_asked(model):
    gan = build(tiny(f"model={model}", "model.embedding_init=orthogonal"))
    table = gan.discriminator.embedding.parametrizations.weight.original
    torch.testing.assert_close(table @ table.T, torch.eye(3), atol=1e-5, rtol=0)


def test_a_misspelt_start_of_the_embedding_names_the_nearest():
    with pytest.raises(InputError, match=r"embedding_init=orthogonals does not exist .*; did you mean 'orthogonal'\?"):
        Projection(resnet.Discriminator(1, 8, width=4), 3, init="orthogonals")


def test_the_model_chooses_spectral_norm_in_d_and_conditional_batch_norm_in_g_and_both_can_be_replaced():
    cfg = compose("train", ["model=projection", "data=cifar10"])
    assert (cfg.network.discriminator.norm, cfg.network.generator.num_classes) == ("spectral", 10)
    assert compose("train", ["model=projection", "network.discriminator.norm=none"]).network.discriminator.norm == "none"
    gan = build(tiny("model=projection"))
    norms = [module for module in gan.generator.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [isinstance(norm, layers.ConditionalBatchNorm2d) for norm in norms].count(False) == 1  # the last one
