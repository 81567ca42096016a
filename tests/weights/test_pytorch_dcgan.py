import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.weights import pytorch_dcgan
from tests.weights.published import published


def test_sizes_are_those_of_the_shapes():
    chosen = pytorch_dcgan.options(published().state_dict())
    assert {"data.image_size=64", "data.channels=3", "network.generator.latent_dim=5", "network.generator.width=4"} < {*chosen}


def test_another_network_is_refused():
    with pytest.raises(InputError, match="are no DCGAN's"):
        pytorch_dcgan.options(published().state_dict() | {"main.12.weight": torch.zeros(7, 3, 4, 4)})
