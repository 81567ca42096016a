from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.network.equalized import EqualizedLinear
from gan_lab.sampling.mode.directions import SemanticDirections, latent_weight, leading_directions
from tests.sampling.runs import request


def with_average(name, change):
    """A request for a GAN whose average has been changed."""
    asked = request(name)
    gan = deepcopy(asked.gan)
    with torch.no_grad():
        change(gan.generator_ema)
    return replace(asked, gan=gan)


def test_planted_singular_vectors_of_latents_are_found():
    planted = torch.linalg.qr(torch.randn(100, 100, generator=torch.Generator().manual_seed(0))).Q[:3]
    gains = torch.tensor([9.0, 6.0, 3.0])

    def plant(generator):
        weight = generator.layers[0].weight
        left = torch.linalg.qr(torch.randn(len(weight), 3, generator=torch.Generator().manual_seed(1))).Q
        weight.copy_(left @ torch.diag(gains) @ planted[:, : weight.shape[1]])

    asked = with_average("dcgan", plant)
    found, strengths = leading_directions(asked, asked.space(), 3)
    torch.testing.assert_close((found * planted).sum(1).abs(), torch.ones(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(strengths, gains, atol=1e-2, rtol=0)


def test_planted_singular_vectors_of_styles_are_found():
    direction = torch.zeros(16)
    direction[5] = 1

    def plant(generator):
        for layer in generator.synthesis.modules():
            if isinstance(layer, EqualizedLinear):
                layer.weight.mul_(1e-3)
                layer.weight[:, 5] = 1

    asked = with_average("stylegan2", plant)
    assert asked.gan.generator.mapping.mean.shape == (16,)
    found, _ = leading_directions(asked, asked.space(), 1)
    torch.testing.assert_close(found[0], direction, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "name",
    [
        "cgan",
        "points",
        pytest.param("biggan", marks=pytest.mark.slow),
        pytest.param("pggan", marks=pytest.mark.slow),
        pytest.param("infogan", marks=pytest.mark.slow),
    ],
)
def test_the_first_layer_of_any_generator_is_found(name):
    asked = request(name)
    weight = latent_weight(asked)
    assert weight.shape[1] == asked.gan.generator.latent_dim
    assert weight.abs().max() > 0
    own = [m.weight for m in asked.gan.generator_ema.modules() if isinstance(m, nn.Linear)]
    if name == "points":
        torch.testing.assert_close(weight, own[0].detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["dcgan", pytest.param("stylegan2", marks=pytest.mark.slow)])
def test_a_strip_moves_through_the_sample(name):
    asked = request(name, n=2, steps=5)
    sheet = SemanticDirections(top=3, reach=2.0)(asked)
    strips = sheet.samples.unflatten(0, (2, 3, 5))
    y = asked.labels(range(2))
    whole = asked.gan.generate(asked.latents(range(2)), y)
    torch.testing.assert_close(strips[:, :, 2], whole[:, None].expand(-1, 3, -1, -1, -1))
    values = sheet.facts["singular_values"]
    assert values == sorted(values, reverse=True) and len(values) == 3
    assert (strips[:, :, 0] - strips[:, :, 4]).abs().flatten(2).amax(2).min() > 0


def test_more_directions_than_dimensions_are_refused():
    with pytest.raises(InputError, match=r"mode.top=9999 is more than the 100 dimensions of z"):
        SemanticDirections(top=9999)(request())
