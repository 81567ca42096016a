"""Values stay what they were before training and `gan_lab.evaluate` judged by one code: ``values.json`` was written by the old.

Metrics of given features agree to 1e-9. Runs agree to 1e-5: training is in float32, whose rounding depends on the processor
(on the machine that wrote the file they agree to 1e-11). Features of digits8 used to be rounded to float32 in evaluations.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from gan_lab import evaluate, train
from gan_lab.data.points import Gaussians, ring
from gan_lab.evaluation.extractor.inception import Inception
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric.classifier import ClassifierScore
from gan_lab.evaluation.metric.density_coverage import DensityCoverage
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.frechet_infinity import FrechetInfinity
from gan_lab.evaluation.metric.intra_class import IntraClass
from gan_lab.evaluation.metric.kernel import Kernel
from gan_lab.evaluation.metric.memorisation import Memorisation
from gan_lab.evaluation.metric.modes import Modes
from gan_lab.evaluation.metric.precision_recall import PrecisionRecall
from gan_lab.evaluation.metric.sliced_wasserstein import SlicedWasserstein
from gan_lab.rng import make_generator
from tests.evaluation.cases import Eyes

FORMER = json.loads(Path(__file__).with_name("values.json").read_text())
METRICS = {
    "frechet": Frechet(),
    "frechet_infinity": FrechetInfinity(),
    "intra_class": IntraClass(),
    "kernel": Kernel(5, 100),
    "precision_recall": PrecisionRecall(),
    "density_coverage": DensityCoverage(),
    "memorisation": Memorisation(),
    "classifier": ClassifierScore(min_class_share=0.2),
    "sliced_wasserstein": SlicedWasserstein(100),
}


# ----- of given features -----------------------------------------------------------------------------------------------


def given(n, seed, spread=1.0):
    """Features of three classes, with logits and labels."""
    labels = torch.arange(n) % 3
    x = (spread * torch.randn(n, 6, dtype=torch.float64, generator=make_generator(seed))).float() + 0.3 * labels[:, None]
    return Features(x, 2 * x[:, :4], labels)


@pytest.fixture(scope="module")
def inputs():
    return EvalInputs(given(300, 1, 1.2), given(400, 2), given(250, 3), Eyes(num_classes=4, splits=10), Path("unused"), seed=5)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_given_features(inputs, name):
    former = FORMER["features"][name]
    assert METRICS[name](inputs) == pytest.approx(former["values"], rel=1e-9)
    assert METRICS[name].baseline(inputs) == pytest.approx(former["baseline"], rel=1e-9)


def test_modes_of_given_points():
    layout, former = Gaussians(ring(), 0.1), FORMER["features"]["modes"]
    fake, real = (layout.sample(n, seed)[0].flatten(1) for n, seed in ((300, 1), (500, 2)))
    fake[:150] *= 1.2
    fake[fake[:, 0] > 0.5] = 0.0
    sets = Features(fake), Features(real), Features(real)
    some = EvalInputs(*sets, Pixels(), Path("unused"), data=SimpleNamespace(layout=layout))
    assert Modes()(some) == pytest.approx(former["values"], rel=1e-9)
    assert Modes().baseline(some) == pytest.approx(former["baseline"], rel=1e-9)


def test_every_metric_has_its_former_values():
    assert FORMER["features"].keys() == METRICS.keys() | {"modes"}


# ----- of runs -----------------------------------------------------------------------------------------------------------


def check_run(folder, former):
    """Compare ``summary.json`` with the former one."""
    summary = json.loads((folder / "summary.json").read_text())
    for name, course in former["scores"].items():
        found = {key: summary["scores"][name][key] for key in course}
        assert found == pytest.approx(course, rel=1e-5, abs=1e-7), name
    assert summary["baseline"] == pytest.approx(former["baseline"], rel=1e-5)
    assert summary["final_judgement"]["scores"] == pytest.approx(former["final"], rel=1e-5, abs=1e-7)


@pytest.mark.slow
def test_the_default_run_and_its_evaluations(call):
    folder = (
        call(
            train.main,
            "max_images=640",
            "val_every_images=64",
            "seed=0",
            "logger=csv",
            "trainer.accelerator=cpu",
            "hydra.run.dir=run",
        )
        / "run"
    )
    check_run(folder, FORMER["digits"])
    for name, former in FORMER["evaluate"].items():
        call(evaluate.main, "run=run", f"eval={name}", "eval.num_fake=200", "eval.seeds=[0,1]")
        values = json.loads((folder / f"evaluation/{name}-num_fake_200-seeds_0_1/metrics.json").read_text())["values"]
        for key, value in former.items():
            assert values[key]["seeds"] == pytest.approx(value["seeds"], rel=1e-5), key
            assert values[key]["baseline"] == (value["baseline"] and pytest.approx(value["baseline"], rel=1e-5)), key
            assert values[key]["better"] == value["better"]


@pytest.mark.slow
def test_a_run_of_the_shape_of_cifar10_on_features_of_the_shape_of_inceptions(call, monkeypatch, tmp_path):
    """2,048 features and 1,008 logits of 512 images: a singular covariance, whose square root torchmetrics knew to 1e-6."""

    def random(self, weights=None, download=True, clean=False):
        generators = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
        self.mix = torch.randn(48, 2048, generator=generators[0])
        self.head = 0.5 * torch.randn(2048, 1008, generator=generators[1]).double()
        self.weights_sha256, self.clean = "random", clean

    monkeypatch.setattr(Inception, "__init__", random)
    monkeypatch.setattr(Inception, "to", lambda self, device: None)
    pooled = lambda x: F.adaptive_avg_pool2d(x.float() / 255, 4).flatten(1)  # noqa: E731
    monkeypatch.setattr(Inception, "_features", lambda self, x: (pooled(x) @ self.mix).relu())
    data = ["data=fake", "data.image_size=32", "data.num_classes=10", "data.batch_size=32"]
    small = [
        "model=dcgan",
        "network.generator.width=8",
        "network.discriminator.width=8",
        "max_images=128",
        "val_every_images=64",
    ]
    (tmp_path / "random.pth").touch()  # so that nothing is fetched
    judged = ["metric=[frechet,classifier]", "extractor=inception", "extractor.inception.weights=random.pth"]
    folder = call(train.main, *data, *small, *judged, "logger=csv", "trainer.accelerator=cpu", "hydra.run.dir=run") / "run"
    check_run(folder, FORMER["natural"])
