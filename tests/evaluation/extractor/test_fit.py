import pytest
import torch

from gan_lab.data.arrays import Arrays
from gan_lab.data.module import Data
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.classifier import Recipe
from gan_lab.evaluation.extractor.fit import check, fit
from gan_lab.evaluation.extractor.trained import Trained, images_of

RECIPE = Recipe(epochs=4, batch_size=16, max_lr=5e-3, label_smoothing=0.1, flip=False, seed=0)


def data(labels=True, points=False):
    """Dark images of class 0 and bright ones of class 1."""
    y = torch.arange(64) % 2
    images = torch.zeros(64, 2, 1, 1) if points else (60 + 120 * y).to(torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 8, 8)
    made = Arrays(images, y if labels else None)
    shape = {"channels": 2, "image_size": 1} if points else {"channels": 1, "image_size": 8}
    return Data(lambda: made, lambda: made, **shape, num_classes=2 if labels else None, batch_size=1, seed=0)


def test_the_file_holds_a_classifier_that_knows_the_data_and_says_how_well(tmp_path):
    facts = fit(data(), "shades", RECIPE, "cpu", tmp_path / "some.npz")
    assert (facts["data"], facts["images"], facts["num_classes"]) == ("shades", images_of(data()), 2)
    extractor = Trained(str(tmp_path / "some.npz"))
    _, logits = extractor(data().train_set.images)
    assert float((logits.argmax(1) == data().train_set.labels).double().mean()) == facts["accuracy"] == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [(data(points=True), "data=some are points, not images"), (data(labels=False), "data=some come without labels")],
)
def test_data_that_teach_nothing_are_refused(given, sentence):
    with pytest.raises(InputError, match=sentence):
        check(given, "some")
