from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torchmetrics.image.mifid import MemorizationInformedFrechetInceptionDistance

from gan_lab.evaluation.inputs import Features
from gan_lab.evaluation.metric.memorisation import Memorisation
from tests.evaluation.cases import case, normal

TRAIN, HELD_OUT, D = normal(300, 16), normal(200, 16, seed=1), 16


def judge(fake, held_out=HELD_OUT, **more):
    return Memorisation()(case(fake, TRAIN, held_out, **more))


def test_held_out_images_repeat_nothing():
    assert judge(HELD_OUT) == {"nn_ratio": 1, "copies": 0.01}
    fresh = judge(normal(200, 16, seed=2))
    assert fresh["nn_ratio"] == pytest.approx(1, abs=0.05)
    assert fresh["copies"] < 0.05


def test_copies_are_found():
    fake = torch.cat([TRAIN[:50], normal(150, 16, seed=2)])
    found = judge(fake)
    assert found["copies"] == pytest.approx(0.25, abs=0.03)
    assert found["nn_ratio"] == pytest.approx(0.75, abs=0.05)
    assert judge(TRAIN[:100]) == {"nn_ratio": 0, "copies": 1}


class Identity(torch.nn.Module):
    num_features = D

    def forward(self, x):
        return x


def penalty(fake):
    """What torchmetrics divides its distance by: 1, no penalty, or less."""
    metric = MemorizationInformedFrechetInceptionDistance(feature=Identity(), normalize=True)
    metric.update(TRAIN, real=True)
    metric.update(fake, real=False)
    x, y = (torch.cov(z.T) for z in (TRAIN, fake))
    root = torch.linalg.eigvals(x @ y).sqrt().real.sum()
    distance = (TRAIN.mean(0) - fake.mean(0)).square().sum() + x.trace() + y.trace() - 2 * root
    return float(distance / metric.compute())


def test_one_training_image_200_times_is_found_where_torchmetrics_finds_nothing():
    fake = TRAIN[7].repeat(200, 1) + 1e-4 * normal(200, 16, seed=3)
    assert penalty(fake) == pytest.approx(1, rel=1e-3)  # for each real it looks at the nearest fake
    assert judge(fake)["copies"] == 1
    assert judge(fake)["nn_ratio"] < 1e-3


def test_distances_of_copies_are_exact_with_many_large_features():
    train = (20 + normal(100, 2048)).float()
    found = Memorisation()(case(train[:40], train, (20 + normal(30, 2048, seed=1)).float()))
    assert found == {"nn_ratio": 0, "copies": 1}


def test_held_out_images_that_are_training_images_say_nothing_of_copies():
    assert judge(TRAIN[:50], held_out=TRAIN[50:]) == {"copies": 0}


def test_without_held_out_images_there_is_nothing_to_compare():
    assert Memorisation()(case(HELD_OUT, TRAIN)) == {}


class Row:
    """A source: image number i is grey all over, of level ``levels[i]``."""

    def __init__(self, levels):
        self.levels = torch.tensor(levels, dtype=torch.uint8)

    def __len__(self):
        return len(self.levels)

    def batches(self, indices, size):
        for rows in torch.tensor(indices).split(size):
            yield self.levels[rows].view(-1, 1, 1, 1).expand(-1, 1, 8, 8), None


def pictured(tmp_path, fake, train, gan):
    sets = [Features(torch.tensor(levels).double()[:, None], source=Row(levels)) for levels in (fake, train)]
    some = case(HELD_OUT[:, :1], HELD_OUT[:, :1], HELD_OUT[:, :1], folder=tmp_path, gan=gan)
    some.sample, some.reference = sets
    Memorisation()(some)
    return tmp_path / "neighbours.png"


def test_the_picture_shows_the_nearest_pairs_one_above_the_other(tmp_path):
    fake, train = [100, 201, 12], [14, 200, 103]
    path = pictured(tmp_path, fake, train, gan=SimpleNamespace())
    with Image.open(path) as picture:
        side = picture.width // 3
        shown = [
            [picture.getpixel((int((i + 0.5) * side), int((j + 0.5) * picture.height / 2)))[0] for i in range(3)]
            for j in (0, 1)
        ]
    assert shown == [[201, 12, 100], [200, 14, 103]]  # the nearest pair first


def test_reals_in_the_place_of_samples_make_no_picture(tmp_path):
    assert not pictured(tmp_path, [1, 2], [3, 4], gan=None).exists()


def test_the_global_random_state_stays():
    torch.rand(1)
    state = torch.get_rng_state()
    judge(HELD_OUT)
    assert torch.equal(torch.get_rng_state(), state)
