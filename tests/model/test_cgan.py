import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.model.cgan import LabelChannels
from gan_lab.training.build import build
from tests.tiny import fit, tiny


class Seen(torch.nn.Module):
    """A discriminator that hands back what it is shown."""

    def features(self, x, y=None):
        return x

    def head(self, features, y=None):
        return features.flatten(1).sum(1)


def test_d_sees_the_label_as_constant_channels_beside_the_image():
    labelled, x, y = LabelChannels(Seen(), num_classes=5, label_channels=2), torch.rand(3, 1, 4, 4), torch.tensor([0, 4, 0])
    shown = labelled.features(x, y)
    assert torch.equal(shown[:, :1], x)
    assert torch.equal(shown[:, 1:], labelled.embedding.weight[y][..., None, None].expand(3, 2, 4, 4))


def test_both_players_see_labels_and_learn_them():
    start, gan = build(tiny("model=cgan")), fit(tiny("model=cgan"))
    for player in ("generator", "discriminator"):
        assert not torch.equal(getattr(start, player).embedding.weight, getattr(gan, player).embedding.weight)


def test_a_label_decides_what_g_makes_of_a_latent():
    gan = fit(tiny("model=cgan"))
    images = [gan.sample([0, 1], classes=[label]) for label in (0, 1, 0)]
    assert torch.equal(images[0], images[2])
    assert not torch.equal(images[0], images[1])


def test_samples_take_the_classes_in_turn_and_the_picture_has_a_column_of_each():
    gan = build(tiny("model=cgan"))
    assert gan.labels(range(7)).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert gan.labels(range(3), classes=[2, 1]).tolist() == [2, 1, 2]
    assert (gan.columns, len(gan.preview(10))) == (3, 9)
    with pytest.raises(InputError, match=r"there is no class 3, use 0 to 2"):
        gan.labels(range(3), classes=[3])


def test_a_gan_without_labels_has_no_classes_to_choose():
    with pytest.raises(InputError, match=r"trained without labels"):
        build(tiny("model=gan")).sample([0], classes=[1])


@pytest.mark.parametrize("model", ["cgan", "projection", "acgan"])
def test_data_without_labels_are_refused_with_the_options_that_make_some(model):
    with pytest.raises(InputError, match=rf"^model={model} learns from labels.*data.num_classes=.*data.attributes="):
        build(tiny(f"model={model}", "data.num_classes=null"))


def test_latents_that_leave_no_room_for_a_label_are_refused():
    with pytest.raises(InputError, match=r"latent_dim=10 leaves no room.*use 20"):
        build(
            tiny("model=cgan", "network.generator.latent_dim=10", "network.generator.width=8", "network.discriminator.width=8")
        )
