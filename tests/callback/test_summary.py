import json
import sys
from pathlib import Path

import lightning as L
import pytest
import torch

from gan_lab import __version__
from gan_lab.callback.summary import Summary, peak_memory
from gan_lab.callback.validation import Validation
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.suite import MetricSuite
from gan_lab.logger.csv import CsvLogger
from gan_lab.model.gan import GAN
from tests.tiny import fit, tiny


class Given(BaseMetric):
    """A metric whose values are given: one that should fall, one that should rise."""

    def __init__(self, *values):
        self.given = list(values)

    def quantities(self, extractor):
        return {"low": Quantity("min"), "high": Quantity("max", "nats")}

    def __call__(self, inputs):
        value = self.given.pop(0)
        return {"low": value, "high": value}

    def baseline(self, inputs):
        return {"low": 0.5}


@pytest.fixture
def summarised(tmp_path):
    """Trains 3 x 4 images with a validation after each 4, and gives summary.json."""

    def run(*callbacks):
        logger = CsvLogger(tmp_path / "metrics.csv")
        validation = Validation(MetricSuite({"given": Given(3.0, 1.0, 2.0)}, {"pixels": Pixels()}))
        options = {"logger": logger, "limit_val_batches": 1, "val_check_interval": 1}
        fit(tiny("model.d_steps=2", images=12), validation, *callbacks, Summary(str(tmp_path), 12, "low", "min"), **options)

    return lambda *callbacks: run(*callbacks) or json.loads((tmp_path / "summary.json").read_text())


def test_scores_have_their_first_their_final_and_in_the_right_direction_their_best_value(summarised):
    scores = summarised()["scores"]
    assert scores["val/low"] == {"first": 3.0, "final": 2.0, "best": 1.0, "better": "min", "unit": ""}
    assert scores["val/high"] == {"first": 3.0, "final": 2.0, "best": 3.0, "better": "max", "unit": "nats"}
    assert "best" not in scores["val/d_overfit"]  # a diagnosis: neither way is better


def test_a_reader_finds_baseline_protocol_counters_speed_memory_and_versions(summarised, tmp_path):
    summary = summarised()
    assert (summary["status"], summary["baseline"], summary["protocol"]["n_fake"]) == ("finished", {"low": 0.5}, 64)
    assert summary["protocol"]["extractors"] == {"pixels": {"weights_sha256": "none", "resize": "none"}}
    assert (summary["images_seen"], summary["d_steps_done"], summary["g_steps_done"]) == (12, 3, 1)
    assert (summary["primary"], summary["mode"], summary["broken_images"]) == ("low", "min", [])
    assert summary["images_per_second"] > 0
    assert 50 < summary["peak_memory_mib"] < 100_000
    assert summary["versions"]["gan_lab"] == __version__
    assert summary["versions"]["torch"] == torch.__version__.split("+")[0]
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_a_failed_run_says_so_and_why(summarised, tmp_path):
    class Fail(L.Callback):
        def on_train_batch_start(self, trainer, gan, batch, batch_idx):
            if batch_idx == 2:
                raise RuntimeError("the lamp went out")

    with pytest.raises(RuntimeError):
        summarised(Fail())
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["status"], summary["error"]) == ("failed", "RuntimeError: the lamp went out")
    assert summary["images_seen"] == 8
    assert summary["scores"]["val/low"]["best"] == 1.0


def test_a_run_that_was_asked_to_stop_is_not_called_finished(summarised):
    class Ask(L.Callback):
        def on_train_batch_end(self, trainer, *args):
            trainer.should_stop = True

    assert summarised(Ask())["status"] == "stopped"


class Bright(GAN):
    """A user's GAN whose loss looks at more than logits."""

    def generator_loss(self, batch):
        return super().generator_loss(batch) + batch.fake.flatten(1).mean()


def test_a_loss_that_has_no_equilibrium_does_not_fail_the_run(tmp_path):
    fit(tiny("model=gan", f"model._target_={__name__}.Bright", images=4), Validation(), Summary(str(tmp_path), 4))
    assert json.loads((tmp_path / "summary.json").read_text())["status"] == "finished"
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_the_chosen_checkpoints_judgement_is_added(summarised, tmp_path):
    summary = Summary(str(tmp_path), 4)
    validation = Validation()
    gan = fit(tiny(images=4), validation, summary)
    validation.values = {"low": 1.25}
    summary.on_test_end(gan.trainer, gan)
    content = json.loads((tmp_path / "summary.json").read_text())
    assert content["final_judgement"] == {"images_seen": 4, "scores": {"low": 1.25}}
    assert content["status"] == "finished"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it elsewhere too")
def test_peak_memory_is_the_most_that_this_process_has_held_in_bytes():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    assert peak_memory(torch.device("cpu")) == pytest.approx(int(line.split()[1]) * 1024, rel=0.01)
