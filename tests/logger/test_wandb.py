"""What an offline run wrote, read back from its .wandb file."""

import json
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest
import wandb
from click.testing import CliRunner
from wandb.cli.cli import sync
from wandb.proto import wandb_internal_pb2
from wandb.sdk import wandb_setup

from gan_lab import train
from gan_lab.callback.loss_logger import LossLogger
from gan_lab.logger import wandb as own
from gan_lab.logger.run import RunDescription
from gan_lab.logger.wandb import wandb_logger
from gan_lab.training.short_run import equal
from tests.tiny import TINY, fit, no_curves, tiny

ONLINE = [option for option in TINY if not option.startswith(("logger", "hydra.run.dir"))]


def records(folder):
    """The records of a run folder's only .wandb file, which is a LevelDB log with a header of 7 bytes."""
    wandb.teardown()  # its service may still be writing after `finish`
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    data, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (rest := -at % 32768) < 7:  # no record begins in the last bytes of a block
            at += rest
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


def rows(folder):
    """What each `log` call gave."""
    for record in records(folder):
        if record.HasField("history"):
            items = {tuple(item.nested_key) or (item.key,): json.loads(item.value_json) for item in record.history.item}
            yield {"/".join(key): value for key, value in items.items()}


def start(folder, **options):
    return wandb_logger(RunDescription(str(folder), "a", "b", [], {}, {}), project="gan_lab", **options)


@pytest.fixture
def mode(monkeypatch, tmp_path):
    """The mode in which W&B is started, in a world without a login."""
    given, init = [], wandb.init
    monkeypatch.setattr(wandb, "init", lambda mode, **options: given.append(mode) or init(mode="disabled"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for variable in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    return lambda **options: start(tmp_path, **options) and given.pop()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run folder with its rows, its W&B run and its configuration in W&B."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    with pytest.MonkeyPatch.context() as patch:
        no_curves(patch)
        patch.setenv("WANDB_MODE", "offline")
        patch.setattr(sys, "argv", ["gan_lab", *ONLINE, "val_every_images=32", f"hydra.run.dir={folder}"])
        train.main()
    (run,) = [record.run for record in records(folder) if record.HasField("run")]
    return folder, list(rows(folder)), run, {update.key: json.loads(update.value_json) for update in run.config.update}


def test_a_run_is_found_by_name_group_tags_and_columns(recorded):
    _, _, run, config = recorded
    assert (run.project, run.display_name, run.run_group) == ("gan_lab", "dcgan-fake-0", "dcgan-fake")
    assert list(run.tags) == ["dcgan", "fake"]
    assert {"model": "dcgan", "data": "fake", "network": "dcgan", "penalty": "none", "seed": 0}.items() <= config[
        "choices"
    ].items()
    assert {"choices", "config"} <= config.keys() <= {"choices", "config", "_wandb"}
    full = config["config"]
    assert full["data"]["image_size"] == full["network"]["generator"]["image_size"] == 8
    assert full["total_images"] == 64


def test_losses_scores_and_what_explains_them_are_rows_in_sections_over_images_seen(recorded):
    _, logged, _, _ = recorded
    assert all({"images_seen", "g_steps_done"} <= row.keys() for row in logged)
    losses = [(row["images_seen"], row["g_steps_done"]) for row in logged if "train/d_loss" in row]
    assert losses == [(16, 4), (32, 8), (48, 12), (64, 16)]
    assert losses == [(row["images_seen"], row["g_steps_done"]) for row in logged if "watch/d_gap" in row]
    assert [row["images_seen"] for row in logged if "val/d_overfit" in row] == [32, 64]
    sections = {name.split("/")[0] for row in logged for name in row if "/" in name}
    assert sections == {"train", "watch", "val", "samples"}
    clocks = [row["images_seen"] for row in logged]
    assert clocks == sorted(clocks)


def summary(folder):
    """What a run's summary was told beside its rows."""
    return {
        "/".join(item.nested_key) or item.key: json.loads(item.value_json)
        for record in records(folder)
        if record.HasField("summary")
        for item in record.summary.update
    }


def test_the_chosen_checkpoints_values_are_in_the_summary_with_its_clock(tmp_path):
    logger = start(tmp_path, mode="offline")
    logger.log_metrics({"images_seen": 64, "d_loss": 1.0})
    logger.log_metrics({"images_seen": 32, "final/images_seen": 32, "final/fid": 2.0})
    logger.close()
    assert [row["images_seen"] for row in rows(tmp_path)] == [64]
    assert summary(tmp_path).items() >= {"final/fid": 2.0, "final/images_seen": 32}.items()


def test_the_chosen_checkpoint_is_an_artifact_on_request(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/last.ckpt").write_bytes(b"last")
    (tmp_path / "checkpoints/best.ckpt").write_bytes(b"best")
    logger = start(tmp_path, mode="offline", log_model="best")
    logger.close()
    found = (
        record.artifact if record.HasField("artifact") else record.request.log_artifact.artifact for record in records(tmp_path)
    )
    (artifact,) = [each for each in found if each.type]
    assert (artifact.type, [entry.path for entry in artifact.manifest.contents]) == ("model", ["best.ckpt"])
    assert "best" in artifact.aliases


def test_sample_grids_lie_beside_the_record(recorded):
    folder, logged, _, _ = recorded
    shown = {row["images_seen"]: row["samples/grid/path"] for row in logged if "samples/grid/path" in row}
    saved = {int(path.stem): path for path in folder.glob("samples/0*.png")}
    assert shown.keys() == saved.keys() >= {0, 64}
    for images, path in shown.items():
        (copy,) = folder.glob(f"wandb/offline-run-*/files/{path}")
        assert copy.read_bytes() == saved[images].read_bytes()


def test_lines_are_a_table(tmp_path):
    logger = start(tmp_path, mode="offline")
    logger.log_lines("samples/lines", ["one", "<two>"], {"images_seen": 8})
    logger.close()
    (row,) = rows(tmp_path)
    (path,) = tmp_path.glob(f"wandb/offline-run-*/files/{row['samples/lines/path']}")
    assert json.loads(path.read_text())["data"] == [["one"], ["<two>"]]
    assert row["images_seen"] == 8


def test_every_curve_is_drawn_over_images_seen_and_the_clocks_are_axes_alone(tmp_path):
    start(tmp_path, mode="offline").close()
    metrics = [record.metric for record in records(tmp_path) if record.HasField("metric")]
    axes = {metric.name or metric.glob_name: (metric.step_metric, metric.options.hidden) for metric in metrics}
    clocks = dict.fromkeys(("images_seen", "g_steps_done", "d_steps_done"), ("", True))
    assert axes == clocks | {"*": ("images_seen", False)}


def test_wandb_does_not_change_training(tmp_path):
    logger = start(tmp_path, mode="offline")
    loud = fit(tiny("model=gan"), LossLogger(every_steps=2), logger=logger)
    logger.close()
    assert len(list(rows(tmp_path))) == 6
    assert equal(loud, fit(tiny("model=gan")))


@pytest.mark.slow
def test_each_run_of_a_sweep_has_its_own_record_in_one_group(call, tmp_path):
    call(train.main, "-m", *ONLINE, "max_images=8", "seed=0,1", "hydra.sweep.dir=sweep")
    runs = [record.run for job in ("0", "1") for record in records(tmp_path / "sweep" / job) if record.HasField("run")]
    assert [run.display_name for run in runs] == ["dcgan-fake-0", "dcgan-fake-1"]
    assert [run.run_group for run in runs] == ["sweep", "sweep"]
    assert runs[0].run_id != runs[1].run_id


def test_a_resumed_run_goes_on_under_the_id_of_its_folder(tmp_path):
    ids = []
    for folder in ("a", "a", "b"):
        (tmp_path / folder).mkdir(exist_ok=True)
        logger = start(tmp_path / folder, mode="offline")
        ids.append(logger.experiment.id)
        logger.close()
    assert ids[0] == ids[1] != ids[2]


def test_the_printed_command_uploads_the_parts_of_a_resumed_run_in_order(tmp_path):
    first = start(tmp_path, mode="offline")
    first.close()
    part = Path(first.experiment.dir).parent
    part.rename(part.with_name(f"offline-run-20200101_120000-{first.experiment.id}"))  # another second than the next one
    logger = start(tmp_path, mode="offline")
    logger.close()
    program, subcommand, *parts = shlex.split(logger.where())
    assert (program, subcommand) == ("wandb", "sync")
    assert [Path(part) for part in parts] == sorted(tmp_path.glob("wandb/offline-run-*"))
    assert len(parts) == 2
    listed = CliRunner().invoke(sync, ["--dry-run", *parts]).output
    assert "Would sync 2 run(s)" in listed


def service():
    return wandb_setup.singleton()._connection._proc._process


@pytest.mark.parametrize("ended", [pytest.param(signal.SIGKILL, marks=pytest.mark.slow), signal.SIGSTOP])
def test_a_service_that_has_ended_or_hangs_costs_a_warning_and_neither_a_row_nor_the_end(tmp_path, monkeypatch, ended):
    monkeypatch.setattr(own, "PATIENCE", 0.5)
    logger = start(tmp_path, mode="offline")
    process = service()
    process.send_signal(ended)
    if ended == signal.SIGKILL:
        process.wait()
    with pytest.warns(match=r"W&B has (ended|not finished in 0.5 s: what it left out is uploaded by wandb sync)"):
        for _ in range(3):
            logger.log_metrics({"images_seen": 4, "d_loss": 0.5})
            time.sleep(0.1)
        logger.close()
    logger.close()
    assert process.wait(timeout=5) != 0
    later = start(tmp_path, mode="offline")  # the next job of a sweep
    later.log_metrics({"images_seen": 8})
    later.close()


def test_the_option_wins_over_the_environment_and_that_over_a_login(mode, monkeypatch, tmp_path):
    assert mode() == "offline"
    (tmp_path / "netrc").write_text("machine elsewhere login user password key")
    assert mode() == "offline"
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password key")
    assert mode() == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert mode() == "disabled"
    assert mode(mode="online") == "online"


def test_a_key_in_the_environment_is_a_login(mode, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert mode() == "online"


@pytest.mark.parametrize("error", [wandb.errors.CommError, wandb.errors.UsageError])
def test_a_server_that_does_not_answer_costs_a_warning_and_no_run(tmp_path, monkeypatch, error):
    init = wandb.init

    def refuse(mode, **options):
        if mode == "online":
            raise error("no answer")
        return init(mode=mode, **options)

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.warns(match=r"W&B does not respond \(no answer\)"):
        logger = start(tmp_path, mode="online")
    logger.log_metrics({"images_seen": 4, "d_loss": 0.5})
    logger.close()
    assert [row["train/d_loss"] for row in rows(tmp_path)] == [0.5]
