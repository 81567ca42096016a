import math

import lightning as L
import pytest
import torch
from hydra.utils import instantiate

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.digits8 import Digits8
from gan_lab.evaluation.features import FeatureCollector
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.source import quantised
from gan_lab.logger.csv import CsvLogger
from gan_lab.rng import Stream
from gan_lab.run_folder import read_rows
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny

DIGITS = ["data=digits", "data.batch_size=8", "model=gan"]


@pytest.fixture
def judged(tmp_path):
    cfg = tiny(*DIGITS)
    validation = instantiate(cfg.callback.validation)
    gan = fit(cfg, validation, limit_val_batches=1.0, val_check_interval=3)
    return gan, validation


def values(*overrides, images=8, **options):
    """The callback after a run with one validation."""
    cfg = tiny(*overrides, images=images)
    validation = instantiate(cfg.callback.validation)
    fit(cfg, validation, limit_val_batches=1.0, val_check_interval=1, **options)
    return validation


def test_values_come_with_the_baseline_and_ds_overfitting(judged):
    _, validation = judged
    assert {"fd_digits8", "cs_digits8", "d_held_out", "d_train", "d_overfit"} <= validation.values.keys()
    assert all(math.isfinite(value) for value in validation.values.values())
    assert 0 < validation.baseline["fd_digits8"] < validation.values["fd_digits8"]
    assert validation.protocol["n_fake"] == validation.protocol["n_held_out"] == validation.protocol["n_reference"] == 597


@pytest.mark.slow
def test_any_metrics_on_any_extractors():
    names = ["frechet", "kernel", "precision_recall", "density_coverage", "memorisation", "frechet_ratio", "sliced_wasserstein"]
    found = values(*DIGITS, f"metric=[{','.join(names)}]", "extractor=[digits8,pixels]")
    given = found.values.keys() - {"d_held_out", "d_train", "d_overfit"}
    assert given == found.suite.quantities.keys() == found.baseline.keys()
    assert {"fd_digits8", "fd_pixels", "precision_digits8", "recall_pixels", "fd_ratio"} <= given
    assert found.baseline["fd_ratio"] == 1


def test_points_and_images_have_modes_and_distances_of_pixels():
    for data in ("gaussians", "blobs"):
        few = ["data.train.n=64", "data.held_out.n=40", "data.batch_size=8"]
        found = values(f"data={data}", *few, "model=gan", "metric=[modes,frechet]")
        assert {"modes", "high_quality", "fd_pixels"} <= found.values.keys()
        assert found.baseline["high_quality"] > 0.9
        assert found.baseline["fd_pixels"] < found.values["fd_pixels"]


def test_values_are_those_of_the_samples_in_an_evaluation():
    cfg = tiny(*DIGITS, images=8)
    validation = instantiate(cfg.callback.validation)
    gan = fit(cfg, validation, limit_val_batches=1.0, val_check_interval=1).eval()
    with torch.no_grad():
        fake = gan.generate(gan.latent_rows(range(597), gan.seed, Stream.VALIDATION))
    collector = FeatureCollector(validation.suite.extractors[0], torch.device("cpu"))
    collector.add(quantised(fake))
    inputs = EvalInputs(collector.result(), validation.reals[0][1], validation.reals[0][0], collector.extractor, None)
    assert validation.suite.values([inputs])["fd_digits8"] == pytest.approx(validation.values["fd_digits8"], rel=1e-9)


def test_real_features_are_computed_once_per_run(monkeypatch):
    cfg, seen = tiny(*DIGITS, images=24), []
    validation = instantiate(cfg.callback.validation)
    original = Digits8.__call__
    monkeypatch.setattr(Digits8, "__call__", lambda self, images: seen.append(len(images)) or original(self, images))
    fit(cfg, validation, limit_val_batches=1.0, val_check_interval=1)
    assert sum(seen) == 597 * (3 + 2)  # reals of both kinds once, fakes three times


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["metric=discriminator"], "metric=discriminator needs the images themselves, which training does not keep"),
        (["metric=modes"], "metric=modes needs data whose modes are known, gaussians or blobs, and extractor=pixels"),
        (
            ["metric=precision_recall", "+data.num_judged=3"],
            "metric=precision_recall needs 4 samples or more, not 3: judge more",
        ),
    ],
)
def test_what_training_cannot_compute_is_refused_before_it(overrides, sentence):
    cfg = tiny(*DIGITS, *overrides)
    with pytest.raises(InputError, match=sentence):
        instantiate(cfg.callback.validation).check(instantiate(cfg.data))


def test_judging_does_not_change_training_nor_enter_the_checkpoint(judged, tmp_path):
    gan, _ = judged
    unjudged = fit(tiny(*DIGITS))
    assert equal(gan, unjudged)
    assert gan.state_dict().keys() == unjudged.state_dict().keys()
    for one, name in ((gan, "a.ckpt"), (unjudged, "b.ckpt")):
        one.trainer.save_checkpoint(tmp_path / name)
    sizes = [(tmp_path / name).stat().st_size for name in ("a.ckpt", "b.ckpt")]
    assert sizes[0] - sizes[1] < 10_000  # the extractor alone has 90 kB


def test_the_same_weights_get_the_same_value_whatever_the_precision():
    found = []
    for precision in ("32-true", "bf16-mixed"):
        cfg = tiny(*DIGITS, "network.generator.norm=none", images=8)  # statistics would follow the precision
        cfg.optimizer.g.lr = cfg.optimizer.d.lr = 0.0
        validation = instantiate(cfg.callback.validation)
        fit(cfg, validation, limit_val_batches=1.0, val_check_interval=1, precision=precision)
        found.append(validation.values["fd_digits8"])
    assert found[0] == found[1]


def test_each_validation_shows_the_same_latents_and_the_final_one_others(tmp_path):
    cfg = tiny(*DIGITS, images=16)
    seen = []

    class Spy(L.Callback):
        def on_validation_batch_end(self, trainer, gan, outputs, batch, batch_idx, dataloader_idx=0):
            if (batch_idx, dataloader_idx) == (0, 0):
                z = gan.latent_rows(range(4), gan.seed, 5)
                seen.append((outputs["fake"][:4], gan.generate(z)))

        on_test_batch_end = on_validation_batch_end

    gan = fit(cfg, Spy(), limit_val_batches=1.0, val_check_interval=1)
    gan.trainer.test(gan, instantiate(cfg.data), verbose=False)
    *validations, final = seen
    for fake, expected in validations:
        torch.testing.assert_close(fake, expected)
    assert not torch.allclose(*final)


def test_loggers_do_not_change_training(tmp_path):
    from gan_lab.callback.loss_logger import LossLogger

    silent = fit(tiny("model=dcgan"))
    loud = fit(tiny("model=dcgan"), LossLogger(every_steps=2), logger=CsvLogger(tmp_path / "metrics.csv"))
    assert equal(silent, loud)
    assert len(read_rows(tmp_path / "metrics.csv")) == 6


def test_a_step_that_returns_nothing_is_told_what_to_return(monkeypatch):
    monkeypatch.setattr("gan_lab.model.gan.GAN.validation_step", lambda self, batch, batch_idx, dataloader_idx=0: None)
    with pytest.raises(InputError, match=r"^GAN.validation_step returned nothing.*return super\(\)"):
        values(*DIGITS)
