import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from gan_lab.cli import console
from gan_lab.data.prepared import Prepared
from gan_lab.training.resume import Resumed
from tests.tiny import tiny

SUMMARY = {
    "images_seen": 64_000, "g_steps_done": 1000, "seconds": 20.0, "images_per_second": 3200.0,
    "scores": {"val/fd_digits8": {"first": 9.0, "final": 2.0, "best": 1.5}, "val/d_overfit": {"first": 0.1, "final": 0.25}},
    "baseline": {"fd_digits8": 0.125},
    "final_judgement": {"images_seen": 32_000, "scores": {"fd_digits8": 1.75}},
}  # fmt: skip


MEMORY = SimpleNamespace(train_set=[])


@pytest.fixture
def folder(tmp_path):
    for name in ("samples/0000000000.png", "samples/0000064000.png", "curves.png", "checkpoints/last.ckpt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    return tmp_path


def test_the_start_names_folder_length_and_seed_and_what_a_resumed_run_changes(capsys):
    console.start(tiny(images=4800), None, MEMORY)
    assert capsys.readouterr().out == "unused: 4,800 images, seed 0\n"
    console.start(tiny(), Resumed("last.ckpt", 1200, ["seed: 0 -> 1"]), MEMORY)
    assert capsys.readouterr().out.splitlines()[:2] == [
        "going on from last.ckpt at 1,200 images",
        "  this command changes seed: 0 -> 1",
    ]
    console.start(tiny(), Resumed("last.ckpt", 1200, []), MEMORY)
    assert "this command changes nothing" in capsys.readouterr().out


def test_the_end_names_what_lies_where_and_how_to_go_on(folder, capsys):
    console.finish(folder, [SimpleNamespace(where=lambda: "wandb sync x"), object()], [])
    said = capsys.readouterr().out
    assert "64,000 images, 1,000 G steps in 20 s (3,200 images/s, judging included)" in said
    assert f"samples    {folder / 'samples/0000064000.png'}" in said
    assert f"to go on   {folder / 'checkpoints/last.ckpt'}" in said
    assert f"python -m gan_lab.sample run={folder}" in said
    assert "dashboard  wandb sync x" in said


def test_the_start_says_which_prepared_images_are_read(tmp_path, capsys):
    for name, size in (("train.uint8", 4), ("train.int64", 0)):
        (tmp_path / name).write_bytes(bytes(size))
    prepared = Prepared(tmp_path, "train", {"shape": [1, 1, 2, 2], "labels": False, "broken": [], "sha256": {}})
    console.start(tiny(), None, SimpleNamespace(train_set=prepared))
    assert f"prepared images from {tmp_path}" in capsys.readouterr().out


def test_the_end_counts_the_images_that_could_not_be_read(folder, capsys):
    console.finish(folder, [], ["a.png", "b.png"])
    assert "2 broken images were left out, as a.png" in capsys.readouterr().out


def test_the_table_sets_the_chosen_checkpoint_beside_held_out_reals():
    plain = Console(width=200)
    with plain.capture() as captured:
        plain.print(console.scores(SUMMARY))
    lines = [line.strip("│┃ ") for line in captured.get().splitlines()]
    rows = {cells[0]: cells[1:] for line in lines if len(cells := line.replace("┃", "│").replace("│", " ").split()) > 1}
    assert rows["fd_digits8"] == ["9", "1.5", "2", "1.75", "0.125"]
    assert rows["d_overfit"] == ["0.1", "0.25"]
    assert "chosen checkpoint: 32,000 images" in captured.get()


def test_without_scores_there_is_no_table(folder, capsys):
    (folder / "summary.json").write_text(json.dumps(SUMMARY | {"scores": {}}))
    console.finish(folder, [], [])
    assert "held-out reals" not in capsys.readouterr().out
