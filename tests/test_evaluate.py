"""`python -m gan_lab.evaluate`, called as a command."""

import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab import evaluate, train
from gan_lab.cli.compose import CONF
from gan_lab.evaluation import features, result, targets
from gan_lab.evaluation.extractor.pixels import Pixels
from tests.tiny import train_into

FEW = ["eval.num_fake=30", "eval.seeds=[0,1]"]
FILES = ["extractor=pixels", "metric=frechet"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder on digits, of two steps."""
    options = ["max_images=128", "network.generator.width=8", "network.discriminator.width=8", "model.ema_ramp=null"]
    return train_into(tmp_path_factory.mktemp("trained") / "run", *options)


@pytest.fixture
def judge(call, trained, tmp_path, monkeypatch):
    """Judges a copy of that run, at ``run``: the record."""
    shutil.copytree(trained, tmp_path / "run")
    show, kept = result.show, []
    monkeypatch.setattr(result, "show", lambda made, form, folders: kept.extend(folders) or show(made, form, folders))

    def start(*options, name="quick", few=FEW):
        folder = call(evaluate.main, "run=run", f"eval={name}", *few, *options)
        return json.loads((folder / kept[-1] / "metrics.json").read_text())

    return start


@pytest.fixture
def images(tmp_path):
    """Makes a folder of random images."""

    def make(name, n=12, size=8, mode="L", suffix="png", seed=0):
        (tmp_path / name).mkdir()
        noise = np.random.default_rng(seed)
        for number in range(n):
            shape = (size, size) if mode == "L" else (size, size, 3)
            Image.fromarray(noise.integers(0, 256, shape, np.uint8), mode).save(tmp_path / name / f"{number}.{suffix}")
        return tmp_path / name

    return make


@pytest.fixture
def refused(call):
    """What the command says when it refuses."""

    def start(*options):
        with pytest.raises(SystemExit) as stopped:
            call(evaluate.main, *options)
        return str(stopped.value)

    return start


# ----- a run --------------------------------------------------------------------------------------------------------------


def test_the_record_says_all_that_decides_the_values(judge, capsys):
    record = judge()
    value = record["values"]["fd_digits8"]
    assert value["mean"] == pytest.approx(sum(value["seeds"]) / 2)
    assert value["sd"] == pytest.approx(np.std(value["seeds"], ddof=1))
    assert 0 < value["baseline"] < value["mean"]
    protocol = record["protocol"]
    assert (protocol["n_fake"], protocol["n_held_out"], protocol["n_reference"], protocol["resolution"]) == (30, 30, 1200, 8)
    assert (protocol["split"], protocol["ema"], protocol["truncation"], protocol["device"]) == ("train", True, None, "cpu")
    assert (list(protocol["extractors"]), protocol["seeds"]) == (["digits8"], [0, 1])
    assert protocol["extractors"]["digits8"]["resize"] == "none"
    assert len(protocol["checkpoint_sha256"]) == len(protocol["extractors"]["digits8"]["weights_sha256"]) == 64
    assert value["unit"] == ""
    assert record["versions"]["torch"] == version("torch")
    assert record["seconds"] > 0
    assert "30 other reals" in (shown := capsys.readouterr().out)
    assert "a covariance is singular" in shown


@pytest.mark.slow
def test_truncated_samples_are_another_protocol(judge):
    whole, truncated = judge(), judge("truncation=0.1")
    assert truncated["protocol"]["truncation"] == 0.1
    assert truncated["values"]["fd_digits8"]["mean"] > whole["values"]["fd_digits8"]["mean"]  # hardly any variety is left


PRESETS = sorted(path.stem for path in (CONF / "eval").glob("*.yaml"))
QUICK = ("clean_fid", "fid50k_full", "modes", "quick")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PRESETS])
def test_every_preset_judges_a_run(judge, name):
    of_digits = (
        [] if name in ("quick", "diversity", "memorisation", "discriminator") else ["extractor=digits8", "metric=frechet"]
    )
    record = judge(*of_digits, "eval.num_reference=40", name=name)
    assert all(np.isfinite(value["mean"]) for value in record["values"].values())
    assert record["values"]


@pytest.mark.slow
def test_points_have_modes(call, trained):
    toy = ["data=gaussians", "data.train.n=512", "data.held_out.n=500", "max_images=256", "logger=csv", "hydra.run.dir=run"]
    call(train.main, *toy)
    folder = call(evaluate.main, "run=run", "eval=modes", "eval.num_fake=200", "eval.seeds=[0]")
    record = json.loads((folder / "run/evaluation/modes-num_fake_200-seeds_0/metrics.json").read_text())
    assert record["values"]["modes"]["baseline"] == 8
    assert record["values"]["high_quality"]["baseline"] == pytest.approx(0.989, abs=0.02)


def test_values_do_not_depend_on_the_batch_size(judge):
    one, other = (judge(f"batch_size={size}", "overwrite=true")["values"]["fd_digits8"]["seeds"] for size in (30, 7))
    assert one == pytest.approx(other, rel=1e-3)


def test_a_judgement_by_the_same_protocol_is_read_and_another_stands_beside_it(judge, capsys):
    first = judge(few=["eval.num_fake=30"])
    assert judge(few=["eval.num_fake=30"])["seconds"] == first["seconds"]
    assert "kept in run/evaluation/quick-num_fake_30/metrics.json" in capsys.readouterr().out
    assert judge(few=["eval.num_fake=31"])["protocol"]["n_fake"] == 31
    assert judge("ema=false", few=["eval.num_fake=30"])["values"] != first["values"]
    names = ["quick-num_fake_30", "quick-num_fake_30-ema_false", "quick-num_fake_31"]
    assert sorted(path.name for path in Path("run/evaluation").iterdir()) == names


@pytest.mark.slow
def test_a_judgement_in_a_folder_of_the_users_is_not_overwritten_by_another(judge):
    first, second = judge("out=mine"), judge("out=mine", "ema=false")
    judge("out=mine", "ema=false")
    found = [json.loads(path.read_text()) for path in sorted(Path().glob("mine*/metrics.json"))]
    assert [record["values"] for record in found] == [first["values"], second["values"]]


def test_reals_are_looked_at_once_for_all_runs(judge, monkeypatch):
    judge()
    seen = []
    monkeypatch.setattr(features, "extract", lambda source, *more: seen.append(source) or original(source, *more))
    judge("overwrite=true")
    assert [type(source).__name__ for source in seen] == ["Generated", "Generated"]


original = features.extract


def test_saved_images_judged_as_files_give_the_same_value(judge, call, tmp_path):
    record = judge("eval.save_images=made", "eval.save_statistics=reals.npz", "eval.seeds=[3]")
    assert len(list((tmp_path / "made/seed3").glob("*.png"))) == 30
    call(evaluate.main, "samples=made/seed3", "reference=reals.npz", "extractor=digits8", "metric=frechet", "out=files")
    files = json.loads(Path("files/metrics.json").read_text())
    assert files["values"]["fd_digits8"]["mean"] == pytest.approx(record["values"]["fd_digits8"]["mean"], rel=1e-9)


@pytest.mark.slow
def test_two_processes_say_what_one_says(judge, tmp_path):
    alone = judge("batch_size=8")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    common = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    command = [sys.executable, "-m", "gan_lab.evaluate", "run=run", *FEW, "batch_size=8", "out=pair"]
    ranks = [subprocess.Popen(command, cwd=tmp_path, env=common | {"RANK": str(rank)}) for rank in (0, 1)]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    values = json.loads((tmp_path / "pair/metrics.json").read_text())["values"]
    assert {name: value["mean"] for name, value in values.items()} == pytest.approx(
        {name: value["mean"] for name, value in alone["values"].items()}, rel=1e-6
    )


def test_several_extractors_judge_at_once(judge):
    record = judge("extractor=[digits8,pixels]", "metric=[frechet_ratio,precision_recall]", "eval.num_fake=70")
    values = record["values"]
    assert list(record["protocol"]["extractors"]) == ["digits8", "pixels"]
    assert {"fd_ratio_digits8", "fd_ratio_pixels", "fd_ratio", "precision_digits8", "recall_pixels"} <= values.keys()
    assert values["fd_ratio"]["mean"] == pytest.approx(
        (values["fd_ratio_digits8"]["mean"] + values["fd_ratio_pixels"]["mean"]) / 2
    )
    assert values["fd_ratio"]["baseline"] == 1 < values["fd_ratio"]["mean"]


def test_old_names_work_and_are_warned_of(judge, capsys):
    record = judge("extractor=pixels", "score=monge", "again=true")
    assert set(record["values"]) == {"mind_pixels"}
    said = capsys.readouterr().err
    assert "score=monge is an old name, which the next version will not know: write metric=sliced_wasserstein" in said
    assert "write overwrite=true" in said


@pytest.mark.slow
def test_several_runs_are_one_table_for_a_paper(judge, call, capsys):
    judge()
    capsys.readouterr()
    call(evaluate.main, "run=[run,run]", "format=latex", *FEW)
    table = capsys.readouterr().out
    assert table.startswith(r"\begin{tabular}")
    assert table.count(r"\\") == 4  # head, two runs, real images
    call(evaluate.main, "run='r*n'", "format=markdown", *FEW)
    assert capsys.readouterr().out.startswith("| run | fd_digits8 |")


# ----- images made elsewhere ----------------------------------------------------------------------------------------------


def test_a_folder_of_images_compared_with_itself_is_at_no_distance(call, images):
    images("made", mode="RGB")
    call(evaluate.main, "samples=made", "reference=made", "extractor=pixels", "metric=frechet")
    name = "quick-samples_made-reference_made-extractor_pixels-metric_frechet"
    record = json.loads(Path(f"evaluation/{name}/metrics.json").read_text())
    assert record["values"]["fd_pixels"]["mean"] == pytest.approx(0, abs=1e-9)
    assert (record["protocol"]["samples"], record["protocol"]["channels"]) == ("made", 3)


def test_a_run_is_compared_with_any_images_of_its_size(judge, images):
    images("other", n=40)
    record = judge("reference=other", "extractor=pixels", "metric=frechet")
    assert record["protocol"]["n_reference"] == 40
    assert record["protocol"]["split"] is None


@pytest.mark.slow
def test_files_that_may_have_changed_are_judged_anew(judge, images):
    options = ["extractor=pixels", "metric=frechet"]
    one, other = (
        judge(f"reference={images(name, n=40, seed=seed).name}", *options) for name, seed in (("one", 1), ("other", 2))
    )
    assert one["values"] != other["values"]
    assert (one["protocol"]["compared_with"], other["protocol"]["compared_with"]) == ("one", "other")
    Path("other/0.png").write_bytes(Path("one/0.png").read_bytes())
    assert judge("reference=other", *options)["values"] != other["values"]


def test_images_of_many_sizes_are_resized_as_training_does(call, images):
    images("made", size=8)
    (images("mixed", size=12) / "5.png").write_bytes((Path("made") / "5.png").read_bytes())
    call(evaluate.main, "samples=made", "reference=mixed", "resize=8", "out=judged", *FILES)
    record = json.loads(Path("judged/metrics.json").read_text())
    assert (record["protocol"]["resolution"], record["protocol"]["resized_to"]) == (8, [8, 8])


def test_a_broken_image_gives_way_to_the_next_one_and_is_counted(call, images, capfd):
    (images("made") / "5.png").write_bytes(b"no image")
    call(evaluate.main, "samples=made", f"reference={images('exact')}", *FILES)
    said = capfd.readouterr()
    assert "strict=true stops instead" in said.err and "data.strict" not in said.err
    assert "1 broken image of 'made' gave way to the next, such as made/5.png" in said.out


def test_jpeg_files_are_noted(call, images, capsys):
    images("lossy", suffix="jpg")
    call(evaluate.main, "samples=lossy", f"reference={images('exact')}", *FILES)
    assert "'lossy' holds JPEG files, whose artefacts a metric sees" in capsys.readouterr().out.replace("\n", " ")


def test_grey_images_for_a_colour_extractor_are_noted(call, images, capsys, monkeypatch):
    monkeypatch.setattr(Pixels, "channels", 3)
    call(evaluate.main, f"samples={images('made')}", f"reference={images('others', seed=1)}", *FILES)
    assert "grey images, repeated to three channels" in capsys.readouterr().out.replace("\n", " ")


# ----- bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "what is to be judged? Give run="),
        (["run=run", "samples=made"], "what is to be judged? Give run="),
        (["run=nowhere"], "there is no run folder or checkpoint 'nowhere'"),
        (["run='nowhere/*'"], "matches no run folder"),
        (["run=run", "eval.num_fake=1"], "eval.num_fake=1 is invalid: give a whole number of at least 2"),
        (["run=run", "checkpoint=lost"], "checkpoint=lost does not exist (choices: best, last); did you mean 'last'?"),
        (["run=run", "eval.reference=tran"], "eval.reference=tran does not exist (choices: train, held_out)"),
        (["run=run", "eval=modes"], "metric=modes needs data whose modes are known"),
        (
            ["run=run", "eval=diversity", "eval.num_fake=3"],
            "metric=precision_recall needs 4 samples or more, not 3: judge more (eval.num_fake=",
        ),
        (["samples=made"], "compared with what? Give reference=FOLDER"),
        (["run=run", f"out={__file__}"], "test_evaluate.py' is a file, and a folder is to be made there: give another out="),
        (["samples=made", "reference=nowhere", *FILES], "there is no folder or file 'nowhere'"),
        (["samples=made", "reference=empty", *FILES], "'empty' holds no image"),
        (["samples=made", "reference=mixed", *FILES], "'mixed' mixes images of 1x8x8 and of 1x9x9 ('5.png'): give resize="),
        (["samples=made", "reference=broken", "strict=true", *FILES], "broken or in an unknown format: replace or remove it"),
        (["samples=made", "reference=large", *FILES], "and 1x8x8 are to be judged: compare images of one size (resize=8)"),
        (["samples=made", "reference=made", "resize=0", *FILES], "resize=0 is invalid: give a whole number"),
        (
            ["samples=made", "reference=made", "device=cuda:99", *FILES],
            "device=cuda:99 is invalid: give cpu, or cuda where there is a GPU",
        ),
        (["run=run", "reference=large"], "'large' is of images of 1x9x9, and 1x8x8 are to be judged"),
        (["samples=colour", "reference=colour", "extractor=digits8"], "digits8 takes images of 1x8x8, not of 3x8x8"),
        (["samples=made", "reference=other.npz", *FILES], "holds statistics of 5 features, and pixels makes 64"),
        (["samples=made", "reference=other.npz", "extractor=pixels"], "too little for metric=kernel: use metric=frechet"),
        (["samples=made", "reference=notes.npz", *FILES], "'notes.npz' is broken or no .npz of arrays"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(refused, trained, images, tmp_path, options, sentence):
    shutil.copytree(trained, tmp_path / "run")
    images("made")
    images("large", size=9)
    images("colour", mode="RGB")
    (images("mixed") / "5.png").write_bytes((tmp_path / "large/5.png").read_bytes())
    (images("broken") / "5.png").write_bytes(b"no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.npz").write_bytes(b"no arrays")
    np.savez(tmp_path / "other.npz", mu=np.zeros(5), sigma=np.eye(5))
    assert sentence in refused(*options)


def test_statistics_of_another_protocol_are_refused(judge, refused, images):
    judge("eval.save_statistics=digits.npz")
    images("large", size=9)
    said = refused("samples=large", "reference=digits.npz", "extractor=pixels", "metric=frechet")
    assert "'digits.npz'" in said
    assert "use the same protocol" in said or "choose the one that made them" in said


def test_a_checkpoint_of_other_images_is_refused(refused, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    content = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)
    content["trained_on"]["sha256"]["uint8"] = "0" * 64
    torch.save(content, tmp_path / "run/checkpoints/best.ckpt")
    said = refused("run=run", *FEW)
    assert "was trained on other images (1,200) than these (1,200): give the folder of the former (+data.root=DIR)" in said


def test_weights_that_are_not_there_or_not_the_right_ones_are_named(refused, images, monkeypatch, tmp_path):
    images("colour", mode="RGB")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    said = refused("samples=colour", "reference=colour", "extractor.inception.download=false", "extractor=inception")
    assert f"'{tmp_path / 'hub/checkpoints'}'" in said
    (tmp_path / "other.pth").write_bytes(b"other weights")
    said = refused("samples=colour", "reference=colour", "extractor=inception", "extractor.inception.weights=other.pth")
    assert "is damaged or holds other weights" in said


@pytest.mark.slow  # tests/test_train.py has the same of a run
def test_missing_weights_for_files_are_told_before_these_are_read_and_without_waiting_for_torch(tmp_path):
    code = "import sys\nfrom gan_lab import evaluate\nfrom gan_lab.evaluation.extractor import inception\n"
    code += "inception.URL_INCEPTION_V3, sys.argv = 'file:///nowhere', ['evaluate', 'samples=made', 'reference=made']\n"
    code += "try:\n    evaluate.main()\nfinally:\n    print('torch' in sys.modules)"
    given = {"env": os.environ | {"TORCH_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}, "cwd": tmp_path}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **given)
    assert "extractor=inception needs weights-inception-2015" in done.stderr and "the download failed" in done.stderr
    assert done.stdout == "False\n"


def test_the_weights_of_a_run_are_looked_for_before_its_data(refused, trained, monkeypatch, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    content = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)
    target = "gan_lab.evaluation.extractor.inception.Inception"
    content["config"]["extractor"] = {"inception": {"_target_": target, "download": False}}
    torch.save(content, tmp_path / "run/checkpoints/best.ckpt")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(targets, "data_of", lambda *args: pytest.fail("the data are read"))
    assert "extractor.inception.download is false: put it there from" in refused("run=run", "metric=frechet")


def test_a_run_without_an_extractor_asks_for_one(call, refused):
    tiny = ["data=fake", "data.image_size=8", "data.batch_size=8", "data.train.n=64", "data.held_out.n=16", "max_images=8"]
    call(train.main, *tiny, "network.generator.width=8", "network.discriminator.width=8", "logger=csv", "hydra.run.dir=run")
    assert "choose extractor=inception, or another" in refused("run=run")


@pytest.mark.slow
def test_few_samples_of_a_class_are_refused(call, refused):
    call(train.main, "model=cgan", "max_images=64", "network.generator.width=8", "logger=csv", "hydra.run.dir=run")
    assert "class 0 has fewer than 2 images: judge more samples" in refused("run=run", "metric=intra_class", "eval.num_fake=10")
