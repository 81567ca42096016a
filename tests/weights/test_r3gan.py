import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.network.r3gan import Generator
from gan_lab.weights import r3gan
from gan_lab.weights.imported import take
from tests.weights.published import R3GANGenerator


def test_the_options_are_those_of_the_shapes():
    assert {*r3gan.options(R3GANGenerator().file)} > {
        "data.image_size=16",
        "data.channels=3",
        "data.num_classes=3",
        "network.generator.latent_dim=5",
        "network.generator.width=[8, 8, 4]",
        "network.discriminator.blocks=2",
        "network.generator.group_width=2",
    }
    assert "data.num_classes=null" in r3gan.options(R3GANGenerator(classes=None).file)


@pytest.mark.parametrize("classes", [None, 3])
def test_the_images_are_the_authors(classes):
    theirs = R3GANGenerator(classes=classes)
    ours = Generator(5, 3, 16, width=[8, 8, 4], group_width=2, num_classes=classes).eval()
    take(ours, r3gan.weights(theirs.file), "G_ema.pt")
    z, y = torch.randn(3, 5), classes and torch.tensor([2, 0, 1])
    expected = theirs(z, y)
    assert 0.1 < expected.std() < 0.9
    torch.testing.assert_close(ours(z, y), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"Model.MainLayers.1.Layers.0.Resampler.Kernel": torch.ones(4, 4)}, "is not the filter"),
        (
            {"Model.MainLayers.0.Layers.0.LinearLayer.weight": torch.ones(8)},
            r"has no MainLayers.0.Layers.0.LinearLayer.weight of 2",
        ),
    ],
)
def test_another_network_is_refused(changed, sentence):
    with pytest.raises(InputError, match=sentence):
        r3gan.options(R3GANGenerator().file | changed)
