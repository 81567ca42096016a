import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch.nn.functional import avg_pool2d

from gan_lab.cli.compose import compose
from gan_lab.data.digits import digits
from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.digits8 import SHA256, Digits8, read_weights
from gan_lab.evaluation.features import FeatureCollector
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric.classifier import ClassifierScore
from gan_lab.evaluation.metric.frechet import Frechet

TRAIN, HELD_OUT = digits("train"), digits("held_out")
REAL = to_unit(HELD_OUT.images)


def judge(fake):
    """The values against as many training digits."""
    collectors = [FeatureCollector(Digits8(), torch.device("cpu")) for _ in range(2)]
    for collector, images in zip(collectors, (to_uint8(fake), TRAIN.images[:597]), strict=True):
        collector.add(images)
    inputs = EvalInputs(*(collector.result() for collector in collectors), None, Digits8(), None)
    return Frechet()(inputs) | ClassifierScore()(inputs)


def noisy(amount):
    return REAL + amount * torch.randn(REAL.shape, generator=torch.Generator().manual_seed(0))


def repeated(images):
    return images.repeat(12, 1, 1, 1)[: len(REAL)]


def test_it_knows_the_held_out_digits():
    _, logits = Digits8()(HELD_OUT.images)
    assert (logits.argmax(1) == HELD_OUT.labels).double().mean() >= 0.98


def test_no_feature_is_dead():
    features, _ = Digits8()(TRAIN.images)
    assert torch.linalg.matrix_rank(torch.cov(features.T), hermitian=True) == 64


def test_it_is_frozen_and_in_float64():
    extractor = Digits8()
    for module in (extractor.features, extractor.head):
        assert not module.training
        assert all(p.dtype == torch.float64 and not p.requires_grad for p in module.parameters())


def test_golden_scores_of_held_out_digits():
    scores = judge(REAL)
    assert scores["fd_digits8"] == pytest.approx(0.757193, rel=1e-4)
    assert scores["cs_digits8"] == pytest.approx(5.423387, rel=1e-4)
    assert scores["classes_digits8"] == 10


def test_noise_and_blur_read_worse_the_more_there_is():
    blurred = avg_pool2d(REAL, 3, stride=1, padding=1, count_include_pad=False)
    distances = [judge(fake)["fd_digits8"] for fake in (REAL, noisy(0.1), noisy(0.3), blurred)]
    assert distances == sorted(distances)


def test_missing_classes_read_worse_the_more_are_missing():
    scores = [judge(repeated(REAL[HELD_OUT.labels < k])) for k in (10, 5, 1)]
    assert [s["classes_digits8"] for s in scores] == [10, 5, 1]
    assert [s["fd_digits8"] for s in scores] == sorted(s["fd_digits8"] for s in scores)
    assert scores[1]["fd_digits8"] > 10 * scores[0]["fd_digits8"]
    assert scores[0]["cs_digits8"] > scores[1]["cs_digits8"] > scores[2]["cs_digits8"]


def test_other_images_are_refused():
    with pytest.raises(InputError, match="extractor=digits8 takes images of 1x8x8, not of 3x32x32: choose another"):
        judge(torch.zeros(2, 3, 32, 32))


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "digits8.npz"
    np.savez(path, **{"0.0.weight": np.zeros(3)})
    with pytest.raises(InputError, match=r"digits8\.npz is missing or damaged: reinstall gan_lab, or choose metric=none"):
        read_weights(path, SHA256)


def test_its_yaml_makes_it():
    made = instantiate(compose("train", ["data=fake", "extractor=digits8"]).extractor)
    assert isinstance(made.digits8, Digits8)
