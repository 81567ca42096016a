"""A GAN of text, from the first command to the last: trained, resumed, sampled, judged, reported."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import gan_lab
from gan_lab import evaluate, sample
from gan_lab.report import __main__ as report
from gan_lab.run_folder import RunFolder
from gan_lab.training import checkpoint
from gan_lab.training.short_run import equal
from tests.tiny import train_into

TEXT = "".join(f"<b>{'ab'[n % 2]}{n % 7}</b>\n" for n in range(80))
TINY = ["model=wgan_gp", "data=text_lines", "data.root=text.txt", "data.length=9", "data.vocabulary=20", "data.batch_size=4",
        "model.d_steps=2", "schedule=constant", "network.generator.width=8", "network.discriminator.width=8",
        "log_every_steps=4"]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a text and a run of eight steps, and what the command said at its end."""
    folder = tmp_path_factory.mktemp("text")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "text.txt").write_text(TEXT)
        train_into(folder / "run", *TINY, "max_images=32", "val_every_images=16", "sample_every_images=16")
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A copy of it, as the working folder, without the text."""
    shutil.copytree(trained / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return RunFolder("run")


def test_samples_over_time_are_text_of_the_vocabulary(run):
    vocabulary = run.read_config()["data"]["characters"]
    assert vocabulary == "ba><6543210/"
    for path in run.grids().values():
        assert path.suffix == ".txt"
        lines = path.read_text().split("\n")[:-1]
        assert len(lines) == 64
        assert set("".join(lines)) <= {*vocabulary, "�", "·"}
        assert max(map(len, lines)) <= 9
    assert list(run.grids()) == [0, 16, 32]


def test_it_is_judged_by_its_n_grams_beside_held_out_lines(run):
    summary = run.read_summary()
    assert (summary["primary"], summary["mode"]) == ("jsd_4", "min")
    assert set(summary["baseline"]) == {"jsd_1", "jsd_2", "jsd_3", "jsd_4"}
    assert summary["baseline"]["jsd_1"] < summary["final_judgement"]["scores"]["jsd_1"] <= 1
    assert all(0 < row[name] <= 1 for row in run.read_rows() for name in row if name.startswith("val/jsd"))


@pytest.mark.slow
def test_a_resumed_run_equals_an_undisturbed_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    rarely = ["metric=none", "val_every_images=24", "sample_every_images=48", "checkpoint_every_images=48"]
    whole = train_into(tmp_path / "whole", *TINY, *rarely, "max_images=48")
    half = train_into(tmp_path / "half", *TINY, *rarely, "max_images=24")
    train_into(half, "resume=half", "max_images=48")
    assert equal(*(checkpoint.load(folder, "last")[0] for folder in (whole, half)))


def test_samples_need_the_checkpoint_alone(call, run):
    call(sample.main, "run=run/checkpoints/last.ckpt", "n=7", "out=made")
    call(sample.main, "run=run", "format=great_circle", "n=2", "steps=3", "out=made")
    call(sample.main, "run=run", "format=npz", "n=7", "out=made")
    lines = Path("made/lines-seed0.txt").read_text().split("\n")[:-1]
    gan, cfg = checkpoint.load("run", "last")
    samples = gan.sample(7, seed=0)
    assert lines == checkpoint.display_of(cfg).decode(samples)
    rows = Path("made/interpolate-seed0.txt").read_text().split("\n")
    assert len(rows) == 8 and rows[3] == rows[7] == ""
    np.testing.assert_allclose(np.load("made/samples-seed0.npz")["images"], samples, atol=1e-6)
    assert torch.equal(gan_lab.load("run", "last").sample(7, seed=0), samples)


def test_single_images_are_refused(call, run):
    with pytest.raises(
        SystemExit, match="format=png needs images, and this GAN makes samples of 20x9: use format=grid, npz or npy"
    ):
        call(sample.main, "run=run", "format=png")


@pytest.mark.slow
def test_evaluate_judges_it_by_what_reads_text(call, trained, run):
    shutil.copy(trained / "text.txt", "text.txt")
    call(evaluate.main, "run=run", "eval.seeds=[0]")
    values = json.loads(Path("run/evaluation/quick-seeds_0/metrics.json").read_text())["values"]
    assert set(values) == {"jsd_1", "jsd_2", "jsd_3", "jsd_4"}
    assert all(math.isfinite(value["mean"]) and value["baseline"] < 0.8 for value in values.values())
    chosen = ["metric=[memorisation,discriminator]", "extractor=pixels", "eval.seeds=[0]", "eval.num_fake=20", "out=seen"]
    call(evaluate.main, "run=run", *chosen)
    pairs = Path("seen/neighbours.txt").read_text().split("\n")
    assert len(pairs) == 18 and pairs[8] == ""  # eight samples, a gap, eight training lines
    assert set(pairs[9:17]) <= set(TEXT.split("\n"))


def test_the_report_shows_the_text_as_text(call, run):
    call(report.main, "runs=run", "out=report.html")
    page = Path("report.html").read_text()
    embedded = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    grids = embedded["runs"][0]["grids"]
    assert [images for images, _ in grids] == [0, 16, 32]
    assert grids[-1][1] == run.grids()[32].read_text()[:-1]
