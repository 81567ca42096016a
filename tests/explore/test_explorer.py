import io
from dataclasses import astuple, replace

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from gan_lab.data.pixels import to_uint8
from gan_lab.errors import InputError
from gan_lab.explore.explorer import Explorer, LabelScale
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


@pytest.mark.parametrize(
    ("range_and_start", "scale"),
    [
        ((0.0, 1.0, 0.25), (0, 1, 0.01, 0.25)),
        ((-3.217, 40.04, 7.049), (-3.3, 40.1, 0.1, 7.0)),
        ((0.0, 357.0, 90.4), (0, 357, 1, 90)),
        ((0.0, 0.3000000119, 0.1), (0, 0.3, 0.001, 0.1)),  # 0.3 in float32
        ((1995.0, 2024.0, 2000.0), (1995, 2024, 0.1, 2000)),
        ((5.0, 5.0, 5.0), (5, 6, 0.01, 5)),
    ],
)
def test_a_scale_holds_the_range_in_steps_of_a_power_of_ten(range_and_start, scale):
    assert astuple(LabelScale.of(*range_and_start)) == pytest.approx(scale, rel=1e-12)


def test_labels_of_numbers_have_a_scale_each_and_may_take_any_value():
    asked = request("ccgan")
    asked.gan.take_labels(torch.tensor([[0.0, -3.0], [1.0, 30.0], [0.0, 7.0]]))
    explorer = Explorer(asked, 1)
    ranges = [(scale.low, scale.high) for scale in explorer.label_scales]
    assert (ranges, explorer.classes) == ([(0, 1), (-3, 30)], [])
    start = [scale.start for scale in explorer.label_scales]
    assert torch.equal(explorer.viewpoint(7).y, explorer.viewpoint(7, start).y)
    view = explorer.viewpoint(7, [0.5, -2.0], None, [1.5])
    assert view.name == "seed 7, label (0.5, -2), direction 1 +1.5"
    view = explorer.viewpoint(7, [0.5, -2.0])
    torch.testing.assert_close(explorer.image(view), asked.gan.sample(1, seed=7, classes=[[0.5, -2.0]])[0])
    assert not torch.equal(explorer.image(view), explorer.image(explorer.viewpoint(7, [0.5, 20.0])))


def test_label_and_truncation_are_those_of_the_nearer_end():
    explorer = Explorer(request("cgan"), 1)
    a, b = explorer.viewpoint(0, "0", 0.5), explorer.viewpoint(1, "2")
    nearer = [explorer.between(a, b, t) for t in (0.4, 0.6)]
    assert [(each.y.tolist(), each.truncation) for each in nearer] == [([0], 0.5), ([2], None)]


def test_a_page_offers_what_the_gan_has():
    assert (Explorer(request("dcgan")).classes, Explorer(request("cgan")).classes) == ([], ["0", "1", "2"])
    assert Explorer(request("cgan")).label_scales == Explorer(request("dcgan")).label_scales == []
    assert Explorer(request("uniform"), 1).truncations is None
    assert Explorer(request("dcgan")).truncations == (0.1, 4.0)
    assert len(Explorer(request("dcgan"), 9999).gains) == request("dcgan").gan.generator.latent_dim


def test_signals_are_refused():
    asked = request("dcgan")
    signals = replace(asked.run, config=OmegaConf.create({"data": {"shape": [2, 16]}}))
    with pytest.raises(InputError, match=r"gan_lab\.explore shows images, and these samples are none"):
        Explorer(replace(asked, run=signals))
