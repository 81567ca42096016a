import pytest
import torch
from PIL import Image

from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric.discriminator import DiscriminatorDiagnosis, as_floats
from tests.evaluation.cases import Eyes


class Row:
    """A source of grey images of these levels, or of points; labels count up."""

    def __init__(self, levels, split="train"):
        self.split = split
        self.images = torch.tensor(levels).view(-1, 1, 1, 1)

    def __len__(self):
        return len(self.images)

    def batches(self, indices, size):
        for rows in torch.tensor(indices).split(size):
            yield self.images[rows].expand(-1, 1, 2, 2).to(torch.uint8), rows


class Mean:
    """A D whose logit is the mean of the image, plus the label's share."""

    device = torch.device("cpu")

    def __init__(self, of_label=0.0):
        self.of_label = of_label

    def logits(self, images, y):
        return images.mean((1, 2, 3)) + self.of_label * y


def judge(folder, train, held_out, fake, gan):
    sets = [
        None if levels is None else Features(torch.zeros(len(levels), 1), source=Row(levels, split))
        for levels, split in ((fake, None), (train, "train"), (held_out, "held_out"))
    ]
    return DiscriminatorDiagnosis()(EvalInputs(*sets, Eyes(), folder, gan))


def test_means_and_shares_on_the_right_side(tmp_path):
    found = judge(tmp_path, train=[255, 255], held_out=[255, 0, 0, 0], fake=[0, 255, 0, 0, 0], gan=Mean())
    assert found == {
        "d_train": pytest.approx(1),
        "d_held_out": pytest.approx(-0.5),
        "d_fake": pytest.approx(-0.6),
        "d_accuracy_train": 1,
        "d_accuracy_held_out": 0.25,
        "d_accuracy_fake": 0.8,
    }


def test_d_sees_each_image_with_its_label(tmp_path):
    found = judge(tmp_path, [0, 0, 0], [0], [0] * 600, Mean(of_label=1))  # more than one batch
    assert (found["d_train"], found["d_held_out"], found["d_fake"]) == (0, -1, pytest.approx(299.5 - 1))


def test_no_direction_is_better():
    assert {quantity.better for quantity in DiscriminatorDiagnosis().quantities(Eyes()).values()} == {None}


@pytest.mark.filterwarnings("error")
def test_there_is_a_histogram_also_where_all_logits_are_equal(tmp_path):
    judge(tmp_path, [3, 3], [3], [3, 3], Mean())
    with Image.open(tmp_path / "discriminator.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 16)) > 3


def test_without_a_discriminator_or_with_two_sets(tmp_path):
    assert judge(tmp_path, [1], [2], [3], gan=None) == {}
    assert not (tmp_path / "discriminator.png").exists()
    assert set(judge(tmp_path, [9], None, [3], Mean())) == {"d_train", "d_fake", "d_accuracy_train", "d_accuracy_fake"}


def test_a_set_of_which_only_statistics_are_known_is_left_out(tmp_path):
    sample = Features(torch.zeros(1, 1), source=Row([0]))
    found = DiscriminatorDiagnosis()(EvalInputs(sample, Features(torch.zeros(0, 1)), None, Eyes(), tmp_path, Mean()))
    assert set(found) == {"d_fake", "d_accuracy_fake"}


def test_d_sees_images_in_the_range_of_training_and_points_as_they_are():
    assert as_floats(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    assert as_floats(torch.tensor([3.5])).tolist() == [3.5]
