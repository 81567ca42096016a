"""`python -m gan_lab.train_extractor`, called as a command, and the commands that judge by what it writes."""

import json
import re
import subprocess
import sys

import pytest
import torch

from gan_lab import evaluate, sensitivity, train
from gan_lab.evaluation.extractor import trained
from gan_lab.evaluation.extractor.trained import Trained, read_facts
from gan_lab.train_extractor import main

FEW = ["epochs=1"]
FAKE = ["data=fake", "data.image_size=8", "data.channels=1", "data.num_classes=3", "data.train.n=100", "data.held_out.n=20"]
TINY = ["max_images=128", "network.generator.width=8", "network.discriminator.width=8", "logger=csv", "hydra.run.dir=run",
        "trainer.accelerator=cpu", "val_every_images=128"]  # fmt: skip


@pytest.fixture
def learn(call, tmp_path, monkeypatch, capsys):
    """Calls the command: the files of extractors, and what was said."""
    monkeypatch.setenv("GAN_LAB_CACHE", str(tmp_path / "cache"))

    def start(*options):
        call(main, *FEW, *options)
        return sorted(trained.folder().glob("*.npz")), capsys.readouterr().out

    return start


def test_it_trains_says_how_good_it_is_and_with_what_to_judge_by_it(learn):
    (path,), said = learn("data=digits")
    facts, extractor = read_facts(path), Trained(str(path))
    name = extractor.name
    assert re.fullmatch(r"digits_[0-9a-f]{8}", name)
    assert facts["accuracy"] > 0.5
    assert f"{name} knows {facts['accuracy']:.1%} of 597 held-out images, after 1 x 1,200 training images" in said
    assert f"-> {path}" in said
    assert "train with it: python -m gan_lab.train data=digits 'metric=[frechet,classifier]' extractor=trained\n" in said
    assert "judge with it: python -m gan_lab.evaluate run=RUN extractor=trained\n" in said
    assert [*path.parent.glob("*.partial*")] == []


def test_the_same_is_found_again_and_another_seed_makes_another(learn):
    (path,), _ = learn(*FAKE)
    before = path.stat().st_mtime_ns
    (again,), said = learn(*FAKE, "device=cpu", "data.batch_size=7")
    assert again.stat().st_mtime_ns == before
    assert f"{path} is there already, made " in said
    files, _ = learn(*FAKE, "seed=1")
    assert len({Trained(str(file)).name for file in files}) == 2


def test_a_damaged_file_is_made_anew(learn):
    (path,), _ = learn(*FAKE)
    name = Trained(str(path)).name
    path.write_bytes(path.read_bytes()[:-100])
    (again,), said = learn(*FAKE)
    assert again == path
    assert Trained(str(path)).name == name
    assert "is there already" not in said


def test_the_global_random_state_stays(learn):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    learn(*FAKE)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["data=gaussians"], r"data=gaussians are points, not images: judge them with extractor=pixels"),
        (["data=fake", "data.image_size=8"], r"data=fake come without labels.*give data\.num_classes=NUMBER if they have some"),
        (["data.num_classes=null"], r"data=digits come without labels"),
        (["epochs=0"], r"epochs=0 is invalid: give a number of at least 1"),
        (["batch_size=2.5"], r"batch_size=2\.5 is invalid: give a whole number of at least 1"),
        (["epoch=3"], r"there is no option 'epoch'; did you mean 'epochs'"),
    ],
)
def test_bad_input_is_one_sentence(learn, options, reason):
    with pytest.raises(SystemExit, match=rf"^gan_lab: {reason}"):
        learn(*options)


@pytest.mark.slow
def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom gan_lab import train_extractor as m\nsys.argv = ['extractor', '--help']\n"
        "try:\n    m.main()\nfinally:\n"
        "    sys.exit(any(name in sys.modules for name in ('torch', 'lightning', 'timm')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "python -m gan_lab.train_extractor data=cifar10" in done.stdout


# ----- judging by it -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_and_its_evaluation_are_judged_by_it(learn, call, tmp_path):
    (path,), _ = learn()
    name = Trained(str(path)).name
    call(train.main, "extractor=trained", *TINY)
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["primary"] == f"fd_{name}"
    assert {f"val/fd_{name}", f"val/cs_{name}", f"val/classes_{name}"} <= summary["scores"].keys()
    assert summary["protocol"]["extractors"][name]["weights_sha256"] == read_facts(path)["sha256"]
    assert (tmp_path / "run/checkpoints/best.ckpt").is_file()
    call(evaluate.main, "run=run", "extractor=trained", "eval.num_fake=30", "eval.seeds=[0]", "metric=frechet")
    record = json.loads(next(tmp_path.glob("run/evaluation/*/metrics.json")).read_text())
    assert set(record["values"]) == {f"fd_{name}"}
    assert record["protocol"]["extractors"][name]["weights_sha256"] == read_facts(path)["sha256"]


def test_its_sensitivity_is_that_of_the_data_at_hand(learn, call, tmp_path):
    (path,), _ = learn(*FAKE)
    call(sensitivity.main, *FAKE, "extractor=trained", "noise=[0.4]", "blur=[]", "classes=[]")
    found = json.loads((tmp_path / "sensitivity.json").read_text())
    assert list(found["extractors"]) == [Trained(str(path)).name]
    with pytest.raises(SystemExit, match=r"run python -m gan_lab\.train_extractor data=digits, or give extractor"):
        call(sensitivity.main, "extractor=trained")


def test_a_run_without_an_extractor_is_refused_before_it_begins(learn, call, tmp_path):
    learn(*FAKE)
    with pytest.raises(
        SystemExit, match=r"run python -m gan_lab\.train_extractor data=blobs, or give extractor\.trained\.weights=FILE"
    ):
        call(train.main, "data=blobs", "metric=frechet", "extractor=trained", *TINY)
    assert not (tmp_path / "run/metrics.csv").exists()
