import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext, unpack
from gan_lab.rng import StepRNG

IMAGES = torch.rand(4, 1, 8, 8) * 2 - 1


@pytest.mark.parametrize(
    ("batch", "labels"),
    [(IMAGES, None), ((IMAGES,), None), ([IMAGES], None), ((IMAGES, torch.arange(4)), 4), ((IMAGES, None), None)],
    ids=["bare", "tuple of one", "list of one", "with labels", "without labels"],
)
def test_what_loaders_hand_over_is_understood(batch, labels):
    images, y = unpack(batch, torch.float64)
    assert torch.equal(images, IMAGES.double())
    assert (None if y is None else len(y)) == labels


def test_uint8_images_are_scaled():
    images, _ = unpack(torch.tensor([[[[0, 255]]]], dtype=torch.uint8), torch.float32)
    assert images.flatten().tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("batch", "named"),
    [
        ({"image": IMAGES}, "dict of 1"),
        ((IMAGES, None, None), "tuple of 3"),
        (("a", None), "tuple of 2"),
        ("a", "str"),
        ((), "tuple of 0"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(batch, named):
    with pytest.raises(InputError, match=f"^the loader hands over a {named}: a GAN trains on a tensor of images, on "):
        unpack(batch, torch.float32)


class Critic(torch.nn.Module):
    """Counts its passes; drops half of its features."""

    def __init__(self):
        super().__init__()
        self.passes = 0

    def features(self, x, y=None):
        self.passes += 1
        return torch.dropout(x.flatten(1), 0.5, True)

    def head(self, features, y=None):
        return features.sum(1)

    def forward(self, x, y=None):
        return self.head(self.features(x, y), y)


@pytest.mark.parametrize("first", ["real_features", "real_logits"])
def test_the_numbers_are_the_same_in_whatever_order_they_are_read(first):
    critic = Critic()
    batch = Batch(IMAGES, -IMAGES, None, None, critic, StepContext(StepRNG(0)), critic.features, critic.head)
    torch.manual_seed(0)
    getattr(batch, first)
    torch.manual_seed(0)
    expected = torch.dropout(IMAGES.flatten(1), 0.5, True)
    assert torch.equal(batch.real_features, expected)
    assert torch.equal(batch.real_logits, expected.sum(1))
    assert critic.passes == 1


def test_a_batch_has_the_numbers_of_its_step():
    batch = Batch(IMAGES, IMAGES, None, None, Critic(), StepContext(rng := StepRNG(0), 30, 4))
    assert (batch.rng, batch.images_seen, batch.d_steps_done) == (rng, 30, 4)
    assert batch.real_logits.shape == (4,)  # without features, by logits alone
