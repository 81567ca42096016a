import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.mode.mix import StyleMixing
from tests.sampling.runs import request


@pytest.mark.parametrize("name", ["stylegan", pytest.param("stylegan2", marks=pytest.mark.slow)])
def test_rows_and_columns_are_headed_by_their_sources_and_mixed_as_in_training(name):
    asked = request(name, n=2)
    sheet = StyleMixing(layers=1)(asked)
    assert sheet.columns == 3
    matrix = sheet.samples.unflatten(0, (3, 3))
    z, y = asked.latents(range(4)), asked.labels(range(4))
    whole = asked.gan.generate(z, y)
    torch.testing.assert_close(matrix[1:, 0], whole[:2])
    torch.testing.assert_close(matrix[0, 1:], whole[2:])
    total = asked.gan.generator.synthesis.num_styles
    if y is None:
        mixed = (torch.arange(total) >= 1)[None]
        with torch.no_grad(), asked.gan.evaluating(z) as generator:
            torch.testing.assert_close(matrix[2, 1][None], generator(z[1:2], None, z[2:3], mixed))


def test_a_gan_without_styles_and_too_many_layers_are_refused():
    with pytest.raises(InputError, match="mode=mix needs a generator with styles"):
        StyleMixing()(request())
    with pytest.raises(InputError, match=r"mode.layers=99 leaves the columns none of the"):
        StyleMixing(layers=99)(request("stylegan2"))
