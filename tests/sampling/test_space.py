import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.space import LatentSpace, StyleSpace, require_styles
from tests.sampling.runs import request


@pytest.mark.parametrize("truncation", [None, 0.5])
@pytest.mark.parametrize(
    "name",
    ["stylegan2", "dcgan", pytest.param("stylegan", marks=pytest.mark.slow), pytest.param("cgan", marks=pytest.mark.slow)],
)
def test_the_images_of_points_are_those_of_their_latents(name, truncation):
    asked = request(name, truncation=truncation)
    gan, z, y = asked.gan, asked.latents(range(4)), asked.labels(range(4))
    for space in (LatentSpace(gan, True, truncation), asked.space()):
        points = space.points(z, y)
        torch.testing.assert_close(space.images(points, y), gan.generate(z, y, True, truncation))


@pytest.mark.parametrize("name", ["stylegan2", "dcgan"])
def test_images_have_a_gradient_in_their_points(name):
    asked = request(name)
    points = asked.space().points(asked.latents(range(2)), asked.labels(range(2))).detach().requires_grad_()
    asked.space().images(points, asked.labels(range(2))).square().sum().backward()
    assert points.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in asked.gan.parameters())


def test_a_gan_without_styles_is_named_with_what_to_use():
    assert isinstance(request("stylegan2").space(), StyleSpace)
    with pytest.raises(InputError, match=r"mode=mix needs a generator with styles.*: use mode=grid"):
        require_styles(request().gan, "mode=mix", "mode=grid")
