"""`python -m gan_lab.train`, called as a command."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock, Timeout
from hydra.utils import instantiate
from omegaconf import OmegaConf

from gan_lab import train
from gan_lab.callback.loss_logger import LossLogger
from gan_lab.callback.summary import Summary
from gan_lab.callback.validation import Validation
from gan_lab.run_folder import read_rows
from gan_lab.training import checkpoint, distributed, resume
from gan_lab.training.config import finalize_config
from tests.tiny import TINY


@pytest.fixture
def run(call):
    def start(*overrides: str, **options: bool) -> Path:
        return call(train.main, *TINY, *overrides, **options) / "run"

    return start


def test_a_run_folder_holds_everything(run):
    folder = run(curves=True)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"config.yaml", "metrics.csv", "resources.csv", "summary.json", "curves.png", "checkpoints/last.ckpt"} <= files
    assert {"samples/0000000000.png", "samples/0000000064.png"} <= files
    assert (folder / "curves.png").stat().st_size > 1000
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "finished"
    assert (summary["images_seen"], summary["g_steps_done"], summary["d_steps_done"]) == (64, 16, 16)
    assert OmegaConf.load(folder / "config.yaml").total_images == 64
    rows = read_rows(folder / "metrics.csv")
    assert [row["images_seen"] for row in rows] == sorted(row["images_seen"] for row in rows)
    assert rows[-1]["final/images_seen"] == summary["final_judgement"]["images_seen"]


def test_rows_hold_losses_scores_gradients_and_rates_over_the_three_clocks(run):
    rows = read_rows(run("penalty=r1", "network.discriminator.norm=layer") / "metrics.csv")
    row = next(row for row in rows if row["images_seen"] == 32 and "d_loss" in row)
    names = ["g_steps_done", "d_steps_done", "d_loss", "g_loss", "r1", "d_real", "d_fake", "d_gap", "d_real_accuracy",
             "d_fake_accuracy", "d_gradient_norm", "g_gradient_norm", "d_lr", "g_lr"]  # fmt: skip
    assert set(names) <= row.keys()
    assert row["d_gap"] == pytest.approx(row["d_real"] - row["d_fake"], rel=1e-4)
    validation = next(row for row in rows if "val/d_held_out" in row)
    assert validation["val/d_overfit"] == pytest.approx(validation["val/d_train"] - validation["val/d_held_out"])


def test_resume_goes_on_in_the_folder_and_ends_as_an_undisturbed_run(run, capsys):
    whole = checkpoint.read(run("hydra.run.dir=whole", "val_every_images=20") and Path("whole/checkpoints/last.ckpt"))
    run("max_images=32", "val_every_images=20")
    before = read_rows(Path("run/metrics.csv"))[: checkpoint.read(Path("run/checkpoints/last.ckpt"))["rows"]]
    assert before
    capsys.readouterr()
    run_again(max_images=64)
    said = capsys.readouterr().out
    assert "at 32 images" in said
    assert "max_images: 32 -> 64" in said
    resumed = checkpoint.read(Path("run/checkpoints/last.ckpt"))
    assert equal(whole["state_dict"], resumed["state_dict"])
    assert read_rows(Path("run/metrics.csv"))[: len(before)] == before


def run_again(**changes):
    import sys

    sys.argv[1:] = ["resume=run", *(f"{key}={value}" for key, value in changes.items())]
    train.main()


def equal(one: dict, two: dict) -> bool:
    return all(torch.equal(a, two[name]) if torch.is_tensor(a) else a == two[name] for name, a in one.items())


def test_resume_auto_goes_on_where_there_is_something_and_starts_where_there_is_not(run):
    run("resume=auto", "max_images=32")
    run("resume=auto", "max_images=64")
    seen = [row["images_seen"] for row in read_rows(Path("run/metrics.csv")) if "d_loss" in row]
    assert seen == [16, 32, 48, 64]


@pytest.mark.slow
def test_resume_from_a_file_starts_a_new_folder(run, call):
    run("max_images=32")
    call(train.main, "resume=run/checkpoints/last.ckpt", "max_images=48", "hydra.run.dir=second", "optimizer.d.lr=0.001")
    content = checkpoint.read(Path("second/checkpoints/last.ckpt"))
    assert content["state_dict"]["_extra_state"]["images_seen"] == 48
    assert content["optimizer_states"][1]["param_groups"][0]["lr"] == 0.001
    assert read_rows(Path("run/metrics.csv"))[-1]["images_seen"] == 32


def test_a_folder_that_holds_a_run_is_not_overwritten(run):
    run("max_images=8")
    with pytest.raises(SystemExit, match="holds a run already: give resume="):
        run("max_images=8")


def test_a_second_process_in_a_folder_is_refused_until_the_first_has_died(run, tmp_path, monkeypatch):
    run("max_images=8")
    monkeypatch.setattr(distributed, "PATIENCE", 0.1)
    hold = "import sys, time; from gan_lab.training.distributed import alone_in; from pathlib import Path\n"
    hold += "with alone_in(Path('run')):\n    print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold], cwd=tmp_path, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(SystemExit, match=r"another process is training in '.*run': wait for its end"):
            run("max_images=16", "resume=auto")
        first.kill()
    run("max_images=16", "resume=auto")
    assert json.loads(Path("run/summary.json").read_text())["images_seen"] == 16


@pytest.mark.slow
def test_the_checkpoint_is_chosen_by_whoever_holds_the_folder(run, monkeypatch):
    run("max_images=8")
    choose = resume.load_resume_config

    def choose_alone(cfg, overrides, folder):
        with pytest.raises(Timeout), FileLock(folder / ".lock", timeout=0):
            pass
        chosen.append(folder)
        return choose(cfg, overrides, folder)

    chosen = []
    monkeypatch.setattr(resume, "load_resume_config", choose_alone)
    run("max_images=16", "resume=auto")
    assert [folder.name for folder in chosen] == ["run"]


def test_a_complete_run_taken_up_by_auto_is_left_as_it_is(run, capsys):
    run("max_images=8")
    before = Path("run/metrics.csv").read_text()
    run("max_images=8", "resume=auto")
    assert "the run is complete" in capsys.readouterr().out
    assert Path("run/metrics.csv").read_text() == before


@pytest.mark.slow
def test_auto_goes_on_from_the_best_when_the_last_is_broken_and_stops_when_all_are(run, capsys):
    run("max_images=8")
    last = Path("run/checkpoints/last.ckpt")
    last.rename("run/checkpoints/best.ckpt")
    last.write_bytes(b"broken")
    run("max_images=16", "resume=auto")
    assert "last.ckpt' is broken" in capsys.readouterr().out
    assert [row["images_seen"] for row in read_rows(Path("run/metrics.csv")) if "d_loss" in row] == [16]
    for name in ("last", "best"):
        Path(f"run/checkpoints/{name}.ckpt").write_bytes(b"broken")
    with pytest.raises(SystemExit, match=r"last\.ckpt' is broken .* nothing to go on from: remove '.*run' to start anew"):
        run("max_images=24", "resume=auto")
    assert [row["images_seen"] for row in read_rows(Path("run/metrics.csv")) if "d_loss" in row] == [16]


@pytest.mark.slow
def test_auto_goes_on_from_the_history_when_last_and_best_are_broken(run, capsys):
    checkpoints = run("max_images=16", "checkpoint_every_images=4", "callback.checkpoint.keep=2") / "checkpoints"
    for name in ("last", "best", "0000000016"):
        (checkpoints / f"{name}.ckpt").write_bytes(b"broken")
    run("max_images=20", "resume=auto", "checkpoint_every_images=4", "callback.checkpoint.keep=2")
    said = capsys.readouterr().out
    assert "last.ckpt' is broken" in said
    assert "0000000012.ckpt at 12 images" in said
    assert sorted(path.name for path in checkpoints.glob("0*")) == ["0000000016.ckpt", "0000000020.ckpt"]


class Killed(BaseException):
    """What no code of a run handles."""


def before_the_first_validation_is_over(patch, kill):
    patch.setattr(Validation, "on_validation_epoch_end", lambda *args: kill())


def between_two_rows(patch, kill):
    step = LossLogger.on_train_batch_end

    def last(logger, trainer, gan, *args):
        step(logger, trainer, gan, *args)
        if gan.images_seen == 44:
            kill()

    patch.setattr(LossLogger, "on_train_batch_end", last)


def in_the_last_validation(patch, kill):
    finish = Validation._finish
    patch.setattr(
        Validation,
        "_finish",
        lambda self, trainer, gan, *args: kill() if gan.images_seen == 64 else finish(self, trainer, gan, *args),
    )


def before_the_last_row(patch, kill):
    patch.setattr(LossLogger, "on_train_end", lambda *args: kill())


def after_the_last_row(patch, kill):
    patch.setattr(Summary, "on_train_end", lambda *args: kill())


def in_the_final_judgement(patch, kill):
    patch.setattr(Validation, "on_test_epoch_end", lambda *args: kill())


def while_the_summary_is_written(patch, kill):
    patch.setattr(Summary, "on_test_end", lambda *args: kill())


MOMENTS = [before_the_first_validation_is_over, between_two_rows, in_the_final_judgement, in_the_last_validation,
           before_the_last_row, after_the_last_row, while_the_summary_is_written]  # fmt: skip


@pytest.mark.parametrize(
    "moment",
    [pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS],  # the next test is quick
)
def test_the_record_of_a_killed_run_is_that_of_an_undisturbed_one(run, monkeypatch, moment):
    cadence = ["val_every_images=32", "checkpoint_every_images=20", "max_images=64", "metric=frechet", "extractor=pixels"]
    cadence += ["log_every_steps=6"]
    whole = run(*cadence, "hydra.run.dir=whole").with_name("whole")

    def kill():
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        moment(patch, kill)
        run(*cadence)
    folder = run(*cadence, "resume=auto")
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    for name in ("last", "best"):
        one, two = (checkpoint.read(path / f"checkpoints/{name}.ckpt") for path in (whole, folder))
        assert equal(one["state_dict"], two["state_dict"])
    summaries = [json.loads((path / "summary.json").read_text()) for path in (whole, folder)]
    for part in ("status", "scores", "baseline", "protocol", "images_seen", "final_judgement"):
        assert summaries[0][part] == summaries[1][part]
    assert (folder / "curves.png").is_file()


@pytest.mark.slow
def test_a_run_that_is_told_to_end_in_a_validation_makes_up_for_it(run, monkeypatch):
    cadence = ["max_images=64", "metric=frechet", "extractor=pixels", "data.held_out.n=300", "data.train.n=400"]
    whole = run(*cadence, "hydra.run.dir=whole").with_name("whole")
    judge = Validation.on_validation_batch_end

    def told_to_end(self, trainer, gan, *args, **options):
        judge(self, trainer, gan, *args, **options)
        if gan.images_seen == 32:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(Validation, "on_validation_batch_end", told_to_end)
        run(*cadence)
    assert ended.value.code == 143
    assert checkpoint.read(Path("run/checkpoints/last.ckpt"))["state_dict"]["_extra_state"]["images_seen"] == 32
    folder = run(*cadence, "resume=auto")
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["on_test_start", "on_train_end"])
def test_sigterm_ends_the_final_judgement_which_a_resume_makes_up_for(run, monkeypatch, capsys, moment):
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(Validation, moment, lambda *args: signal.raise_signal(signal.SIGTERM))
        run("max_images=8")
    assert ended.value.code == 143
    assert "stopped; python -m gan_lab.train resume=" in capsys.readouterr().out
    assert "final_judgement" not in json.loads(Path("run/summary.json").read_text())
    run("max_images=8", "resume=auto")
    assert "final_judgement" in json.loads(Path("run/summary.json").read_text())


def test_the_second_ctrl_c_ends_with_130_and_the_record_says_stopped(run, monkeypatch):
    def interrupt(callback, trainer, gan, *args):
        for _ in range(2 if gan.d_steps_done == 4 else 0):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Validation, "on_train_batch_end", interrupt)
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 130
    assert json.loads(Path("run/summary.json").read_text())["status"] == "stopped"


@pytest.mark.slow
def test_another_optimizer_on_resume_starts_without_the_memory_of_the_first(run, capsys):
    run("max_images=8", "optimizer=adam")
    run_again(max_images=16, optimizer="rmsprop")
    assert "optimizer.d._target_: torch.optim.Adam -> torch.optim.RMSprop" in capsys.readouterr().out
    groups = checkpoint.read(Path("run/checkpoints/last.ckpt"))["optimizer_states"]
    assert all("alpha" in state["param_groups"][0] for state in groups)


def test_a_refused_start_leaves_what_was_there_before_it(run):
    Path("outputs/mine").mkdir(parents=True)
    for folder in ("outputs/mine", "outputs/theirs/run"):
        with pytest.raises(SystemExit, match="use network=mlp"):
            run("data=gaussians", "data.image_size=1", "data.channels=2", "network=dcgan", f"hydra.run.dir={folder}")
    assert [path.name for path in Path("outputs").iterdir()] == ["mine"]


def test_missing_weights_are_told_before_the_data_and_without_waiting_for_torch(tmp_path):
    code = "import sys\nfrom gan_lab import train\nsys.argv = ['train', 'data=celeba', 'extractor.inception.download=false']\n"
    code += "try:\n    train.main()\nfinally:\n    print([name for name in ('torch', 'lightning') if name in sys.modules])"
    given = {"env": os.environ | {"TORCH_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}, "cwd": tmp_path}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **given)
    assert "extractor.inception.download is false: put it there from" in done.stderr
    assert done.stdout == "[]\n"
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_a_run_that_diverges_ends_its_own_job_of_a_sweep_alone(call, monkeypatch):
    sweep = ["optimizer=sgd", "optimizer.d.lr=1e30,1e-3", "hydra.sweep.dir=sweep"]
    with pytest.raises(SystemExit) as exit_:
        call(train.main, "-m", *TINY[:-1], *sweep)
    assert exit_.value.code == 1
    statuses = [json.loads(Path(f"sweep/{job}/summary.json").read_text())["status"] for job in (0, 1)]
    assert statuses == ["failed", "finished"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model=dcgn"], "there is no model 'dcgn'"),
        (["data.batch_size=100000"], "data.batch_size"),
        (["data.image_size=30"], "data.image_size"),
        (["penalty=r1", "data.image_size=16"], "use network.discriminator.norm=layer"),
        (["resume=nowhere"], "there is no run folder or checkpoint 'nowhere'"),
        (["data.batch_size=abc"], "data.batch_size=abc is invalid: give a whole number of at least 1"),
        (["trainer.devices=2", "trainer.accelerator=cpu"], "trainer.devices=2 makes 2 processes: add trainer=ddp"),
        (["max_images=0"], "max_images=0 is invalid: give a whole number of at least 1"),
        (["log_every_steps=0"], "log_every_steps=0 is invalid: give a whole number of at least 1"),
        (["model.ema_half_life_kimg=-1"], "model.ema_half_life_kimg=-1 is invalid: give a number of at least 0"),
        (["model.d_steps=0"], "model.d_steps=0 is invalid: give a whole number of at least 1"),
        (["penalty=r1", "penalty.r1.interval=0"], "penalty.r1.interval=0 is invalid: give a whole number of at least 1"),
        (["optimizer.d.lr=-1"], "optimizer.d.lr=-1 is invalid: give a number of at least 0"),
        (["optimizer.d._target_=torch.optim.Adm"], "'torch.optim.Adm': torch.optim has no 'Adm'; did you mean 'Adam'?"),
        (["model._target_=my_nope.MyGAN"], "model: Error loading 'my_nope.MyGAN'"),
        (["network.discriminator.norm=lyer"], "did you mean 'layer'?"),
        (["speed.precision=foo"], "trainer: Precision 'foo' is invalid"),
        (["data=digits", "data.num_classes=7"], "a label is 9: use data.num_classes=10"),
        (["data=digits", "primary=fd_digit8"], "primary=fd_digit8 does not exist (choices: fd_digits8, cs_digits8"),
        (
            ["data=digits", "metric=discriminator"],
            "metric=discriminator needs the images themselves, which training does not keep",
        ),
        (["data=fake", "metric=frechet"], "metric=frechet needs features: choose extractor=pixels"),
        (["data=gaussians", "data.image_size=1", "data.channels=2", "network=dcgan"], "use network=mlp"),
        (["data=image_folder", "data.root=nowhere"], "nowhere"),
        (["foo"], "options are KEY=VALUE"),
        (["=3"], "gan_lab: "),
    ],
)
def test_bad_input_is_one_sentence_and_no_traceback(run, overrides, sentence):
    with pytest.raises(SystemExit) as exit_:
        run(*overrides)
    assert sentence in str(exit_.value)
    assert not Path("run").exists()  # a refused start leaves no folder
    assert str(exit_.value).startswith("gan_lab: ")
    assert "\n" not in str(exit_.value)


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_refused(run, call):
    run("max_images=8")
    with pytest.raises(SystemExit, match=r"asks for gan_lab\.model\.wgan\.WGAN: leave out model="):
        call(train.main, "resume=run/checkpoints/last.ckpt", "model=wgan", "hydra.run.dir=second")


@pytest.mark.slow
def test_parts_that_a_run_does_not_take_are_named_with_the_way_on(run, monkeypatch):
    path = run("max_images=8") / "checkpoints/last.ckpt"
    good = torch.load(path, weights_only=True)
    memory = good["optimizer_states"][0]
    changes = {
        "loops": {"loops": {}},
        "weights or optimizer_states": {"optimizer_states": [{}]},
        "optimizer_states": {"optimizer_states": [memory | {"state": {0: {"step": 3}}}, *good["optimizer_states"][1:]]},
        "callbacks": {"losses": 3},
    }
    for part, change in changes.items():
        torch.save(good | change, path)
        with pytest.raises(SystemExit, match=rf"last\.ckpt' holds {part} that this run does not take .* give resume=auto"):
            run_again(max_images=16)
    torch.save(good, path)
    monkeypatch.setattr(LossLogger, "on_train_batch_end", lambda *_: [][0])
    with pytest.raises(SystemExit) as end:  # Hydra has printed the traceback
        run_again(max_images=16)
    assert end.value.code == 1


def test_a_file_that_is_no_checkpoint_is_refused(run):
    Path("x.ckpt").write_text("not a checkpoint")
    with pytest.raises(SystemExit, match=r"'x\.ckpt' is broken or no checkpoint"):
        run("resume=x.ckpt")


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(run):
    run("optimizer=sgd", "max_images=32")
    with pytest.raises(SystemExit, match=r"the (discriminator|generator) diverged: .* Lower optimizer\.[dg]\.lr"):
        run("resume=run", "max_images=96", "optimizer.d.lr=1e30", "optimizer.g.lr=1e30", "checkpoint_every_images=4")
    content = checkpoint.read(Path("run/checkpoints/last.ckpt"))["state_dict"]
    floats = [value for value in content.values() if torch.is_tensor(value) and value.is_floating_point()]
    assert len(floats) > 10 and all(value.isfinite().all() for value in floats)
    assert content["_extra_state"]["images_seen"] >= 32
    assert json.loads(Path("run/summary.json").read_text())["status"] == "failed"


@pytest.mark.slow
def test_weights_that_no_step_leads_back_from_fail_the_run_that_has_no_checkpoint_yet(call):
    narrow = ["network.generator.width=[16]", "network.discriminator.width=[16]"]
    with pytest.raises(
        SystemExit, match=r"the generator diverged: generator\.\S+ is not finite, or beyond 1e19, at D step"
    ) as end:
        call(train.main, "model=gan", *narrow, "optimizer.g.lr=1e20", "data=digits", "logger=csv", "hydra.run.dir=run")
    assert "checkpoint is kept" not in str(end.value)
    assert json.loads(Path("run/summary.json").read_text())["status"] == "failed"


@pytest.mark.slow
def test_chaos_is_named_in_the_summary_and_stops_nothing(call):
    narrow = ["network.generator.width=[16]", "network.discriminator.width=[16]", "max_images=6400", "metric=none"]
    call(train.main, "model=gan", *narrow, "optimizer.g.lr=1e6", "data=digits", "logger=csv", "hydra.run.dir=run")
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["status"] == "finished"
    assert any("G learns nothing any more" in text for text in summary["warnings"])


def test_the_first_ctrl_c_ends_the_run_with_a_checkpoint(run, monkeypatch):
    from gan_lab.callback.stop_condition import StopCondition

    original = StopCondition.on_train_batch_end

    def interrupt(self, trainer, gan, *args):
        if gan.d_steps_done == 5:
            signal.raise_signal(signal.SIGINT)
        original(self, trainer, gan, *args)

    monkeypatch.setattr(StopCondition, "on_train_batch_end", interrupt)
    with pytest.raises(SystemExit) as exit_:
        run()
    assert exit_.value.code == 130
    assert checkpoint.read(Path("run/checkpoints/last.ckpt"))["state_dict"]["_extra_state"]["images_seen"] == 20


def test_length_in_g_steps_or_epochs_becomes_images():
    from gan_lab.cli.compose import compose

    for overrides, images in (
        (["max_g_steps=10", "model=wgan"], 10 * 5 * 8),
        (["max_g_steps=30", "model=wgan", "+model/d_steps=official"], (25 * 100 + 5 * 5) * 8),
        (["max_epochs=3"], 300),
        (["max_images=77"], 77),
    ):
        cfg = compose("train", overrides)
        finalize_config(cfg, num_train=100, global_batch=8, folder=Path("x"))
        assert cfg.total_images == images


def test_without_a_metric_an_experiment_s_choice_of_its_score_does_not_count():
    from gan_lab.cli.compose import compose

    cfg = compose("train", ["experiment=landscape/gaussians_mlp", "metric=none"])
    assert (cfg.primary, list(cfg.extractor)) == ("high_quality", ["pixels"])
    finalize_config(cfg, num_train=100, global_batch=8, folder=Path("x"))
    assert cfg.metric == cfg.extractor == {}
    assert instantiate(cfg.callback.validation).suite.choose(cfg.primary) == (None, None)


@pytest.mark.slow
def test_any_metric_chooses_the_best_checkpoint(run):
    judged = ["metric=[frechet,kernel,precision_recall]", "extractor=digits8", "primary=precision", "data=digits"]
    run(*judged, "data.batch_size=64", "val_every_images=32")
    summary = json.loads(Path("run/summary.json").read_text())
    assert (summary["primary"], summary["mode"]) == ("precision", "max")
    assert summary["scores"]["val/precision"]["better"] == "max"
    assert {"fd_digits8", "kd_digits8", "precision", "recall"} <= summary["final_judgement"]["scores"].keys()
    assert Path("run/checkpoints/best.ckpt").is_file()


@pytest.mark.slow
def test_a_users_own_configs_and_gan_are_found_outside_the_package(run, tmp_path):
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "twice.yaml").write_text("defaults: [dcgan]\n_target_: own_gan.Twice\nd_steps: 2\n")
    (tmp_path / "own_gan.py").write_text("from gan_lab.model.gan import GAN\n\n\nclass Twice(GAN):\n    pass\n")
    run("model=twice", "--config-dir", "mine")
    summary = json.loads(Path("run/summary.json").read_text())
    assert (summary["g_steps_done"], summary["d_steps_done"]) == (8, 16)
    with pytest.raises(SystemExit, match=r"asks for own_gan\.Twice .*add trust=\[own_gan\]"):
        run_again(max_images=80, **{"--config-dir": "mine"})
    run_again(max_images=80, trust="[own_gan]", **{"--config-dir": "mine"})
    assert json.loads(Path("run/summary.json").read_text())["images_seen"] == 80


@pytest.mark.parametrize(
    "place", [["hydra.run.dir=file"], ["hydra.run.dir=file/run"], ["-m", "seed=0,1", "hydra.sweep.dir=file/sweep"]]
)
def test_a_file_in_the_place_of_a_folder_is_one_sentence(call, tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"gan_lab: '.*file' is a file, and a folder is to be made there: give another"):
        call(train.main, *TINY[:-1], *place)


def test_a_link_that_leads_nowhere_is_one_sentence(call, tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(SystemExit, match=r"gan_lab: '.*link' is a link that leads nowhere: give another hydra.run.dir="):
        call(train.main, *TINY[:-1], "hydra.run.dir=link/run")


def test_a_full_disk_is_one_sentence_and_leaves_the_last_good_checkpoint(run, monkeypatch):
    before = run("max_images=32") / "checkpoints/last.ckpt"
    content, write = before.read_bytes(), Path.write_bytes

    def fill(path, data):
        if path.suffix == ".ckpt":
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(SystemExit, match=r"gan_lab: '.*\.ckpt' cannot be written: No space left on device; make room, or name"):
        run_again(max_images=64)
    assert before.read_bytes() == content
    assert [path.name for path in before.parent.iterdir()] == ["last.ckpt"]
    assert json.loads((before.parents[1] / "summary.json").read_text())["status"] == "failed"


def test_a_run_folder_that_is_removed_meanwhile_is_one_sentence(run, monkeypatch):
    monkeypatch.setattr(LossLogger, "on_train_batch_end", lambda *_: shutil.rmtree("run", ignore_errors=True))
    with pytest.raises(SystemExit, match=r"gan_lab: the folder '.*run.*' is not there, or no longer"):
        run("max_images=16")
