import ast
import json
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from rich.console import Console

from gan_lab.cli import console
from gan_lab.cli.compose import PACKAGE

SUMMARY = {
    "status": "finished",
    "images_seen": 64_000, "g_steps_done": 1000, "seconds": 20.0, "images_per_second": 3200.0,
    "scores": {"val/fd_digits8": {"first": 9.0, "final": 2.0, "best": 1.5}, "val/d_overfit": {"first": 0.1, "final": 0.25}},
    "baseline": {"fd_digits8": 0.125},
    "final_judgement": {"images_seen": 32_000, "scores": {"fd_digits8": 1.75}},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name in ("samples/0000000000.png", "samples/0000064000.png", "curves.png", "checkpoints/last.ckpt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    return tmp_path


def test_the_start_names_folder_length_and_seed_and_the_prepared_images(capsys):
    console.start(Path("outputs/a"), 4800, 0, "float32, eager")
    assert capsys.readouterr().out == "outputs/a: 4,800 images, seed 0\nspeed      float32, eager\n"
    console.start(Path("outputs/a"), 4800, 0, "float32, eager", Path("data/prepared"))
    assert capsys.readouterr().out.endswith("\nprepared images from data/prepared\n")


@pytest.mark.parametrize(("changes", "line"), [(["seed: 0 -> 1"], "seed: 0 -> 1"), ([], "nothing")])
def test_a_resumed_run_says_from_where_and_what_changes(capsys, changes, line):
    console.resumed(Path("last.ckpt"), 1200, changes)
    assert capsys.readouterr().out.splitlines() == ["resuming last.ckpt at 1,200 images", f"  this command changes {line}"]


def test_a_complete_and_a_stopped_run_say_how_to_go_on(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    console.complete(Path("last.ckpt"), 1200, 1000)
    assert "last.ckpt stands at 1,200 of 1,000 images: the run is complete. To go on, give a longer" in capsys.readouterr().out
    console.stopped(Path("a[b]"))
    assert capsys.readouterr().out == "stopped before the first checkpoint: the same command with resume=auto starts anew\n"
    Path("a[b]/checkpoints").mkdir(parents=True)
    Path("a[b]/checkpoints/last.ckpt").touch()
    console.stopped(Path("a[b]"))
    assert capsys.readouterr().out == "stopped; python -m gan_lab.train \"resume='a[b]'\" goes on\n"


def test_the_end_names_what_lies_where_and_how_to_go_on(folder, capsys):
    console.finish(folder, ["wandb sync x"], [])
    said = capsys.readouterr().out
    assert "64,000 images, 1,000 G steps in 20 s (3,200 images/s, validation included)" in said
    assert f"samples    {folder / 'samples/0000064000.png'}" in said
    assert f"to go on   python -m gan_lab.train resume={folder} max_images=128000\n" in said
    assert f"python -m gan_lab.sample run={folder}" in said
    assert "dashboard  wandb sync x" in said
    (folder / "summary.json").write_text(json.dumps(SUMMARY | {"status": "stopped"}))
    console.finish(folder, [], [])
    assert f"to go on   python -m gan_lab.train resume={folder}\n" in capsys.readouterr().out


def test_the_end_shows_the_first_lines_of_a_text(folder, capsys):
    (folder / "samples/0000064001.txt").write_text("".join(f"line [b]{n}\n" for n in range(9)))
    console.finish(folder, [], [])
    said = capsys.readouterr().out.splitlines()
    assert said[said.index("such as") + 1 :] == [f"{'':<11}line [b]{n}" for n in range(5)]


def test_the_end_counts_the_images_that_could_not_be_read(folder, capsys):
    console.finish(folder, [], ["a.png", "b.png"], [("is broken", 2)])
    said = capsys.readouterr().out
    assert "left out 2 broken images, such as a.png\n  2 because such a file is broken\n" in said


def test_the_table_sets_the_chosen_checkpoint_beside_held_out_reals():
    plain = Console(width=200)
    with plain.capture() as captured:
        plain.print(console.metrics(SUMMARY))
    lines = [line.strip("│┃ ") for line in captured.get().splitlines()]
    rows = {cells[0]: cells[1:] for line in lines if len(cells := line.replace("┃", "│").replace("│", " ").split()) > 1}
    assert rows["fd_digits8"] == ["9", "1.5", "2", "1.75", "0.125"]
    assert rows["d_overfit"] == ["0.1", "0.25"]
    assert "chosen checkpoint: 32,000 images" in captured.get()


def test_without_metrics_there_is_no_table(folder, capsys):
    (folder / "summary.json").write_text(json.dumps(SUMMARY | {"scores": {}}))
    console.finish(folder, [], [])
    assert "held-out reals" not in capsys.readouterr().out


def test_an_old_summary_calls_the_baseline_a_floor(folder, capsys):
    old = {"floor" if key == "baseline" else key: value for key, value in SUMMARY.items()}
    (folder / "summary.json").write_text(json.dumps(old))
    console.finish(folder, [], [])
    assert "0.125" in capsys.readouterr().out


def consoles():
    """Every call of ``rich.console.Console`` in gan_lab."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Console":
                yield f"{path.name}:{node.lineno}", {option.arg: ast.unparse(option.value) for option in node.keywords}


def test_every_console_prints_text_as_it_is_for_names_may_look_like_markup():
    found = dict(consoles())
    assert found
    assert {
        place for place, options in found.items() if (options.get("markup"), options.get("emoji")) != ("False", "False")
    } == set()


@pytest.mark.parametrize("name", ["plain", "a b", "a=b,[c]", "it's", "\u00fc$x"])
def test_an_option_to_paste_gives_the_folder_back_through_shell_and_hydra(name):
    (word,) = shlex.split(console._option("run", Path("/x", name)))
    (parsed,) = OverridesParser.create().parse_overrides([word])
    assert parsed.value() == f"/x/{name}"
