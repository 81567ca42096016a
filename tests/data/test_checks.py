import pytest
import torch

from gan_lab.data.checks import check_batch_size, check_label_dim, check_labels, check_shape
from gan_lab.errors import InputError


@pytest.mark.parametrize(
    ("batch_size", "world_size", "largest", "processes"),
    [(1201, 1, 1200, "1 process"), (601, 2, 600, "2 processes"), (0, 1, 1200, "1 process")],
)
def test_a_batch_is_at_most_a_process_s_share_of_the_data(batch_size, world_size, largest, processes):
    check_batch_size(largest, 1200, world_size)
    with pytest.raises(InputError) as error:
        check_batch_size(batch_size, 1200, world_size)
    assert str(error.value) == (
        f"data.batch_size={batch_size} does not fit 1,200 training samples on {processes}: use 1 to {largest}"
    )


@pytest.mark.parametrize(
    ("stated", "found", "sentence"),
    [
        (
            (3, 32, 32),
            (1, 8, 8),
            "data.channels=3 data.image_size=32 do not fit the samples, which are 1x8x8: use data.channels=1 data.image_size=8",
        ),
        (
            (3, 32, 32),
            (3, 32, 64),
            "data.channels=3 data.image_size=32 do not fit the samples, which are 3x32x64: "
            "use data.channels=3 data.image_size=[32,64]",
        ),
        ((2, 1, 1), (4, 16), "data.shape=[2, 1, 1] does not fit the samples, which are 4x16: use ++data.shape=[4,16]"),
    ],
)
def test_the_stated_shape_must_be_that_of_the_samples(stated, found, sentence):
    check_shape(found, found)
    with pytest.raises(InputError) as error:
        check_shape(stated, found)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("label", "labels", "num_names", "sentence"),
    [
        (None, None, 0, "data.num_classes=3, but the data have no labels: use data.num_classes=null"),
        (0, [0, -1], 0, "a label is -1, and classes are numbered from 0: renumber them, or use data.num_classes=null"),
        (0, [0, 3], 0, "data.num_classes=3, but a label is 3: use data.num_classes=4, or null to drop the labels"),
        (0, None, 2, "data.num_classes=3, but the data have 2 classes: use data.num_classes=2, or null to drop the labels"),
    ],
)
def test_classes_are_those_of_the_data(label, labels, num_names, sentence):
    check_labels(3, 0, torch.tensor([0, 2]), 3)
    with pytest.raises(InputError) as error:
        check_labels(3, label, None if labels is None else torch.tensor(labels), num_names)
    assert str(error.value) == sentence


@pytest.mark.parametrize(("num_classes", "label"), [(10, [0.5, 1.0]), (None, [0.5])])
def test_float_labels_have_the_stated_length(num_classes, label):
    check_label_dim(2, None, [0.5, 1.0])
    with pytest.raises(InputError, match=r"^data\.label_dim=2 asks for float labels"):
        check_label_dim(2, num_classes, label)
