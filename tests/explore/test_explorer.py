import io
from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from gan_lab.data.pixels import to_uint8
from gan_lab.errors import InputError
from gan_lab.explore.explorer import Explorer
from gan_lab.sampling.mode.directions import SemanticDirections
from gan_lab.sampling.mode.interpolate import Interpolation
from gan_lab.sampling.path import Default
from tests.sampling.runs import request

NAMES = ["cgan", pytest.param("stylegan2", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", NAMES)
def test_a_viewpoint_without_offsets_is_the_first_sample_of_its_seed(name):
    asked = request(name)
    explorer = Explorer(asked)
    label, truncation = explorer.classes[2], 0.5
    view = explorer.viewpoint(7, label, truncation, [0.0] * 8)
    whole = asked.gan.sample(1, seed=7, classes=[2], truncation=truncation)
    torch.testing.assert_close(explorer.image(view), whole[0])
    assert view.name == "seed 7, class 2, truncation 0.5"
    with Image.open(io.BytesIO(explorer.png(view))) as image:
        assert torch.equal(pil_to_tensor(image), to_uint8(explorer.image(view)))


@pytest.mark.parametrize("name", NAMES)
def test_offsets_move_along_the_directions_of_the_mode(name):
    asked = replace(request(name), n=1, steps=3, classes=["1"])
    explorer = Explorer(asked, 2)
    sheet = SemanticDirections(top=2, reach=1.5)(asked)
    view = explorer.viewpoint(asked.seed, "1", None, [0.0, 1.5])
    torch.testing.assert_close(explorer.image(view), sheet.samples[5])  # the end of the second strip
    assert explorer.gains == sheet.facts["singular_values"]
    assert view.name == "seed 0, class 1, direction 2 +1.5"


@pytest.mark.parametrize("name", ["dcgan", pytest.param("stylegan2", marks=pytest.mark.slow)])
def test_between_two_samples_lie_those_of_an_interpolation(name):
    asked = replace(request(name), n=1, steps=3, classes=None if name == "dcgan" else ["0"])
    strip = Interpolation(Default())(asked).samples
    explorer = Explorer(asked, 1)
    ends = [explorer.viewpoint(asked.seed, asked.classes and "0") for _ in range(2)]
    space = asked.space()
    with torch.no_grad():
        points = space.points(asked.latents(range(2)), asked.labels(range(2)))
    a, b = (replace(end, point=points[i : i + 1], name="ab"[i]) for i, end in enumerate(ends))
    found = [explorer.between(a, b, t) for t in (0.0, 0.5, 1.0)]
    torch.testing.assert_close(torch.stack([explorer.image(each) for each in found]), strip)
    assert found[1].name == "0.50 from (a) to (b)"


def test_label_and_truncation_are_those_of_the_nearer_end():
    explorer = Explorer(request("cgan"), 1)
    a, b = explorer.viewpoint(0, "0", 0.5), explorer.viewpoint(1, "2")
    nearer = [explorer.between(a, b, t) for t in (0.4, 0.6)]
    assert [(each.y.tolist(), each.truncation) for each in nearer] == [([0], 0.5), ([2], None)]


def test_a_page_offers_what_the_gan_has():
    assert (Explorer(request("dcgan")).classes, Explorer(request("cgan")).classes) == ([], ["0", "1", "2"])
    assert Explorer(request("uniform"), 1).truncations is None
    assert Explorer(request("dcgan")).truncations == (0.1, 4.0)
    assert len(Explorer(request("dcgan"), 9999).gains) == request("dcgan").gan.generator.latent_dim


def test_signals_are_refused():
    asked = request("dcgan")
    signals = replace(asked.run, config=OmegaConf.create({"data": {"shape": [2, 16]}}))
    with pytest.raises(InputError, match=r"gan_lab\.explore shows images, and these samples are none"):
        Explorer(replace(asked, run=signals))
