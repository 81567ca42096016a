import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.mode.classes import ClassTraversal
from tests.sampling.runs import request


@pytest.mark.parametrize("classes", [None, [2, 1]])
def test_a_row_is_one_latent_with_every_class(classes):
    asked = request("cgan", n=2, classes=classes)
    sheet = ClassTraversal()(asked)
    y = classes or [0, 1, 2]
    assert sheet.columns == len(y) and sheet.labels.tolist() == y * 2
    z = asked.latents([1]).repeat(len(y), 1)
    torch.testing.assert_close(sheet.samples[-len(y) :], asked.gan.generate(z, torch.tensor(y)))


def test_a_gan_without_labels_is_refused():
    with pytest.raises(InputError, match="mode=classes needs a GAN that was trained with labels"):
        ClassTraversal()(request())
