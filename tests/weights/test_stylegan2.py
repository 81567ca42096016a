import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.network.stylegan2 import Generator
from gan_lab.weights import stylegan2
from gan_lab.weights.imported import take
from tests.weights.published import StyleGAN2Generator


def test_the_options_are_those_of_the_shapes():
    assert {*stylegan2.options(StyleGAN2Generator().file)} > {
        "data.image_size=16",
        "data.channels=3",
        "data.num_classes=3",
        "network.generator.latent_dim=5",
        "network.generator.style_dim=7",
        "network.generator.mapping_layers=2",
        "network.generator.width=6",
        "network.discriminator.channel_base=64",
    }
    assert "data.num_classes=null" in stylegan2.options(StyleGAN2Generator(classes=None).file)


@pytest.mark.parametrize(("classes", "truncation"), [(None, 0.6), (3, 1.0)])
def test_the_images_are_the_authors(classes, truncation):
    theirs = StyleGAN2Generator(classes=classes)
    ours = Generator(5, 3, 16, width=6, channel_base=64, style_dim=7, mapping_layers=2, num_classes=classes).eval()
    take(ours, stylegan2.weights(theirs.file), "G_ema.pt")
    z, y = torch.randn(3, 5), classes and torch.tensor([2, 0, 1])
    expected = theirs(z, y, truncation)
    assert 0.1 < expected.std() < 0.9
    torch.testing.assert_close(ours(z, y, truncation=truncation), expected, rtol=0, atol=1e-4)


def test_another_network_is_refused():
    file = StyleGAN2Generator().file
    with pytest.raises(InputError, match="is not the filter"):
        stylegan2.weights(file | {"synthesis.b8.resample_filter": torch.ones(4, 4)})
    with pytest.raises(InputError, match=r"it has no synthesis.b4.conv1.weight of 4 dimensions, but main.0.weight, \.\.\."):
        stylegan2.options({"main.0.weight": torch.zeros(3)})
    with pytest.raises(InputError, match=r"'G_ema.pt' does not fit: synthesis.b8.skip.weight is 6x6x1x1 there and none in"):
        residual = stylegan2.weights(file | {"synthesis.b8.skip.weight": torch.zeros(6, 6, 1, 1)})
        take(Generator(5, 3, 16, 6, 64, style_dim=7, mapping_layers=2, num_classes=3), residual, "G_ema.pt")
