import pytest
from torch import nn

from gan_lab.errors import InputError
from gan_lab.network import dcgan
from gan_lab.network.protocol import check_discriminator, check_generator, is_discriminator


def test_published_pairs_meet_it():
    check_generator(dcgan.Generator(5, 1, 8, 4))
    check_discriminator(dcgan.Discriminator(1, 8, 4))


def test_a_generator_states_the_size_of_its_latents():
    with pytest.raises(InputError, match=r"^torch.nn.modules.linear.Linear has no latent_dim: a generator states the size"):
        check_generator(nn.Linear(2, 2))


def test_a_discriminator_has_two_parts():
    assert not is_discriminator(nn.Linear(2, 1))
    with pytest.raises(
        InputError, match=r"Linear lacks the methods features and head: a discriminator splits its forward\(x, y\)"
    ):
        check_discriminator(nn.Linear(2, 1))


class Unlabelled(nn.Linear):
    latent_dim = 2

    def features(self, x, y=None):
        return x

    def head(self, features):
        return self(features).squeeze(1)


def test_every_network_takes_labels():
    with pytest.raises(InputError, match=r"Unlabelled.forward takes no labels: write it as forward\(self, z, y=None\)"):
        check_generator(Unlabelled(2, 1))
    with pytest.raises(InputError, match=r"Unlabelled.head takes no labels: write it as head\(self, features, y=None\)"):
        check_discriminator(Unlabelled(2, 1))
