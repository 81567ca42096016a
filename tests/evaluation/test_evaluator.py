import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.evaluation import result
from gan_lab.evaluation.evaluator import EvalTarget, Evaluator, save_images
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.precision_recall import PrecisionRecall
from gan_lab.evaluation.suite import MetricSuite
from gan_lab.rng import make_generator
from tests.evaluation.cases import Eyes


class Images:
    """Random images of a brightness; known by their seed where they are real."""

    shape = (1, 2, 2)

    def __init__(self, n, seed, real=True, low=0):
        self.images = torch.randint(low, 256, (n, *self.shape), dtype=torch.uint8, generator=make_generator(seed))
        self.fingerprint = {"seed": seed, "n": n, "low": low} if real else None

    def __len__(self):
        return len(self.images)

    def batches(self, indices, size):
        for rows in torch.tensor(indices).split(size):
            yield self.images[rows], None


REAL, HELD_OUT = Images(60, seed=1), Images(40, seed=2)


def target(low=100, **more):
    given = {"sample": lambda seed: Images(30, seed + 10, False, low), "reference": REAL, "held_out": HELD_OUT}
    return EvalTarget(**given | {"facts": {"run": "a", "checkpoint_sha256": "a"}} | more)


def evaluator(folder, *metrics, extractor=None, **more):
    suite = MetricSuite({str(n): metric for n, metric in enumerate(metrics or (Frechet(),))}, {"eyes": extractor or Eyes()})
    return Evaluator(suite, folder, **more)


def test_every_seed_is_judged_beside_held_out_reals(tmp_path):
    found = evaluator(tmp_path, Frechet(), PrecisionRecall(), seeds=[0, 1, 2])(target())
    value = found.values["fd_eyes"]
    assert len(value.seeds) == len(set(value.seeds)) == 3
    assert 0 < value.baseline < value.mean
    assert (found.protocol["n_fake"], found.protocol["n_reference"], found.protocol["n_held_out"]) == (30, 60, 40)
    assert json.loads((tmp_path / "metrics.json").read_text())["values"]["precision"]["better"] == "max"


def test_real_features_are_computed_once_for_all_seeds(tmp_path):
    eyes = Eyes()
    eyes.name = "once"
    evaluator(tmp_path, extractor=eyes, seeds=[0, 1])(target())
    assert sum(eyes.seen) == 60 + 40 + 2 * 30


def test_a_result_of_the_same_protocol_is_read_unless_it_is_to_be_overwritten(tmp_path):
    first = evaluator(tmp_path)(target())
    assert evaluator(tmp_path)(target(low=0)).values == first.values  # the facts do not tell them apart
    assert evaluator(tmp_path, overwrite=True)(target(low=0)).values != first.values
    assert evaluator(tmp_path)(target(low=0, facts={"checkpoint_sha256": "b"})).protocol["checkpoint_sha256"] == "b"


def test_a_result_of_another_protocol_stays_and_the_evaluator_says_where_its_own_lies(tmp_path):
    first = evaluator(tmp_path / "quick")(target())
    other = evaluator(tmp_path / "quick")
    second = other(target(facts={"checkpoint_sha256": "b"}))
    assert other.folder.name.startswith("quick-")
    assert [result.read(folder) for folder in (tmp_path / "quick", other.folder)] == [first, second]


def test_without_held_out_reals_there_is_no_baseline(tmp_path):
    assert evaluator(tmp_path)(target(held_out=None)).values["fd_eyes"].baseline is None


def test_too_few_images_are_refused_before_any_is_looked_at(tmp_path):
    eyes = Eyes()
    with pytest.raises(InputError, match=r"metric=0 needs 31 samples or more, not 30: judge more \(eval.num_fake="):
        evaluator(tmp_path, PrecisionRecall(k=30), extractor=eyes)(target())
    assert eyes.seen == []


def test_statistics_serve_distances_between_moments_alone(tmp_path):
    eyes = Eyes()
    eyes.num_features = 4
    one = evaluator(tmp_path / "a", extractor=eyes, save_statistics=tmp_path / "real.npz")(target())
    given = target(reference=tmp_path / "real.npz", held_out=None)
    assert evaluator(tmp_path / "b", extractor=eyes)(given).values["fd_eyes"].mean == pytest.approx(one.values["fd_eyes"].mean)
    with pytest.raises(InputError, match="holds mean and covariance alone, too little for metric=1: use metric=frechet"):
        evaluator(tmp_path / "c", Frechet(), PrecisionRecall(), extractor=eyes)(given)


def test_images_are_saved_as_they_are_judged(tmp_path):
    from PIL import Image

    evaluator(tmp_path, save_images=tmp_path / "made", seeds=[3])(target())
    paths = sorted((tmp_path / "made/seed3").glob("*.png"))
    assert len(paths) == 30
    assert np.array_equal(np.asarray(Image.open(paths[7])), Images(30, 13, False, 100).images[7, 0].numpy())


def test_points_are_no_pictures(tmp_path):
    points = Images(3, seed=0)
    points.images = torch.zeros(3, 2, 1, 1)
    with pytest.raises(InputError, match=r"these samples are none: leave eval\.save_images out"):
        save_images(points, Path(tmp_path), 2)
