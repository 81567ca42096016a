import pytest
import torch

from gan_lab.data.images import Blobs, fake
from gan_lab.data.pixels import to_unit
from gan_lab.data.points import grid, ring

CENTERS = {"ring": ring(8), "grid": grid(25)}


@pytest.fixture(params=[(c, size, channels) for c in CENTERS for size, channels in ((8, 1), (16, 3), (32, 2))], ids=str)
def blobs(request):
    centers, size, channels = request.param
    return Blobs(CENTERS[centers], size, channels)


def quality(blobs, images):
    return blobs.assign(images)[1].double().mean().item()


def test_real_blobs_are_of_high_quality_and_know_their_place(blobs):
    images, place = blobs.sample(1000, seed=0)
    assigned, high_quality = blobs.assign(to_unit(images).double())
    assert images.shape == (1000, blobs.channels, blobs.image_size, blobs.image_size)
    assert images.dtype == torch.uint8
    assert high_quality.double().mean() >= 0.95
    assert torch.equal(assigned[high_quality], place[high_quality])


def test_every_place_is_used(blobs):
    assert blobs.sample(1000, seed=0)[1].unique().tolist() == list(range(len(blobs.centers)))


def test_images_are_not_a_finite_set():
    images, _ = Blobs(ring(8), 16).sample(1000, seed=0)
    assert len(images.unique(dim=0)) > 990


def test_what_is_no_blob_is_of_low_quality(blobs):
    real = to_unit(blobs.sample(200, seed=0)[0])
    noise = 2 * torch.rand(real.shape, generator=torch.Generator().manual_seed(0)) - 1
    assert quality(blobs, noise) == 0
    assert quality(blobs, torch.full_like(real, -1)) == 0
    assert quality(blobs, torch.full_like(real, 1)) == 0
    assert quality(blobs, torch.full_like(real, torch.nan)) == 0
    assert quality(blobs, real.mean(0, keepdim=True)) == 0
    assert quality(blobs, (real + 1) / 4 - 1) == 0  # too dim


def test_two_blobs_are_of_low_quality(blobs):
    images, place = blobs.sample(400, seed=0)
    two = torch.maximum(to_unit(images), to_unit(images).roll(1, 0))
    assert quality(blobs, two[place != place.roll(1)]) < 0.02


def test_a_blob_between_two_places_is_of_low_quality(blobs):
    between = Blobs((blobs.centers[:1] + blobs.centers[1:2]) / 2, blobs.image_size, blobs.channels, std=0.0)
    assert quality(blobs, to_unit(between.sample(10, seed=0)[0])) == 0


def test_a_blob_lies_where_its_centre_says():
    image = Blobs(torch.tensor([[1.0, 0.0]]), 16, std=0.0).sample(1, seed=0)[0][0, 0]  # on the right, halfway down
    down, across = divmod(image.argmax().item(), 16)
    assert across in (13, 14)  # (1 + 0.75) / 2 * 16 = 14, the border of two pixels
    assert down in (7, 8)


def test_fake_is_deterministic_and_covers_all_values():
    data, again = (fake(100, channels=2, image_size=5, num_classes=3, seed=0) for _ in range(2))
    assert data.images.shape == (100, 2, 5, 5)
    assert data.images.unique().tolist() == list(range(256))
    assert data.labels.unique().tolist() == [0, 1, 2]
    assert torch.equal(data.images, again.images)
    assert torch.equal(data.labels, again.labels)


def test_fake_without_classes_has_no_labels():
    assert fake(4, channels=1, image_size=8, num_classes=None, seed=0).labels is None
