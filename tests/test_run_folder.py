import csv
import json
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from gan_lab import run_folder
from gan_lab.errors import InputError
from gan_lab.run_folder import RunFolder, read_lines
from tests.report.folders import draw, write_run


@pytest.fixture
def alone(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "SLURM_JOB_ID", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)


def test_a_run_is_named_by_its_time(alone):
    assert run_folder.run_name()[:2] == "20"
    assert len(run_folder.run_name()) == len("2026-11-24_12-00-00-123456")


def test_two_runs_of_one_second_have_two_folders(alone):
    assert run_folder.run_name() != run_folder.run_name()


def test_processes_that_were_started_together_share_a_name(alone, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    monkeypatch.setenv("SLURM_STEP_ID", "2")
    assert run_folder.run_name()[:2] == "20"  # one task: an interactive job starts many runs
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert run_folder.run_name() == "slurm_71.2"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    assert run_folder.run_name() == "torchrun_mine"


def test_a_summary_comes_back_and_what_json_does_not_know_as_its_text(tmp_path):
    run = RunFolder(tmp_path)
    assert run.read_summary() == {}
    run.write_summary({"status": "finished", "folder": tmp_path})
    assert run.read_summary() == {"status": "finished", "folder": str(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_the_floor_of_an_old_run_is_its_baseline(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps({"status": "finished", "floor": {"fd_digits8": 0.5}}))
    assert RunFolder(tmp_path).read_summary() == {"status": "finished", "baseline": {"fd_digits8": 0.5}}


def test_only_what_has_not_begun_is_discarded(tmp_path):
    for name, file in {"new": ".hydra/config.yaml", "begun": "config.yaml", "users": "notes.txt"}.items():
        (tmp_path / "outputs" / name / ".hydra").mkdir(parents=True)
        (tmp_path / "outputs" / name / file).touch()
        RunFolder(tmp_path / "outputs" / name).discard_unstarted(tmp_path)
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == ["begun", "users"]


@pytest.mark.parametrize("name", ["summary.json", "config.yaml"])
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, name):
    (tmp_path / name).write_text("a: [")
    run = RunFolder(tmp_path)
    with pytest.raises(InputError) as error:
        {"summary.json": run.read_summary, "config.yaml": run.read_config}[name]()
    assert str(error.value).startswith(f"{tmp_path.name}/{name} cannot be read: ")
    assert "\n" not in str(error.value)


def test_rows_are_whole_lines_with_the_columns_that_hold_a_number(tmp_path):
    run = RunFolder(tmp_path)
    assert run.read_rows() == []
    with run.metrics.open("w", newline="") as file:
        csv.writer(file).writerows([["images_seen", "a", "b"], [10, 0.5, ""], [20, "nan", 1e-300], [30, "1e-"]])
    first, second = run.read_rows()
    assert first == {"images_seen": 10, "a": 0.5}
    assert second["a"] != second["a"] and second["b"] == 1e-300


def test_a_job_that_failed_before_it_began_has_what_hydra_composed(tmp_path):
    run, hydra = RunFolder(tmp_path), tmp_path / ".hydra"
    assert (run.read_config(), run.read_overrides()) == ({}, {})
    hydra.mkdir()
    OmegaConf.save({"seed": 0}, hydra / "config.yaml")
    OmegaConf.save(["penalty=[r1,lecam]", "+name='a, b'"], hydra / "overrides.yaml")
    assert run.read_config() == {"seed": 0}
    assert run.read_overrides() == {"penalty": "[r1,lecam]", "name": "a, b"}
    OmegaConf.save({"seed": 1}, run.config)
    assert run.read_config() == {"seed": 1}


def test_grids_stand_by_their_images_and_evaluations_by_their_names(tmp_path):
    run = RunFolder(write_run(tmp_path, grids=(200, 0, 1000)))
    for name in ("notes.png", "0000000300.txt", "0000000400.json"):
        (run.samples / name).touch()
    assert list(run.grids()) == [0, 200, 300, 1000]
    for name in ("nearest.png", "quick/10.png", "quick/9.png"):
        draw(run.evaluation / name)
    assert list(run.evaluations("png")) == ["nearest.png", "quick/9.png", "quick/10.png"]
    assert run.evaluations("json") == {}


def test_lines_of_a_text_have_symbols_for_what_a_terminal_would_act_on(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\n\x1b[2J\tx\u2028y\nfour\n")
    assert read_lines(tmp_path / "a.txt", 3) == ["one", "", "�[2J�x�y"]
    assert read_lines(tmp_path / "a.txt", 9)[3:] == ["four"]
    with pytest.raises(InputError, match=r"b\.txt cannot be read"):
        read_lines(tmp_path / "b.txt", 1)


@pytest.mark.parametrize("run", ["sweep/0", "gan-digits/a/b"])
def test_a_folder_around_runs_names_one_of_them(tmp_path, run):
    (tmp_path / run / "checkpoints").mkdir(parents=True)
    (tmp_path / run / "checkpoints/last.ckpt").touch()
    around = tmp_path / run.split("/")[0]
    with pytest.raises(InputError, match=rf"holds no checkpoint \(give one of the runs in it, as {tmp_path / run}\)"):
        run_folder.find_checkpoint(around)


def test_the_best_checkpoint_is_preferred_and_the_last_is_the_fallback(tmp_path):
    folder = RunFolder(tmp_path).checkpoints
    folder.mkdir()
    with pytest.raises(InputError, match="holds no checkpoint"):
        run_folder.find_checkpoint(tmp_path)
    (folder / "last.ckpt").touch()
    assert run_folder.find_checkpoint(tmp_path).name == "last.ckpt"
    (folder / "best.ckpt").touch()
    assert run_folder.find_checkpoint(tmp_path).name == "best.ckpt"
    assert run_folder.find_checkpoint(tmp_path, "last").name == "last.ckpt"
    assert run_folder.find_checkpoint(folder / "last.ckpt").name == "last.ckpt"
    with pytest.raises(InputError, match="no run folder or checkpoint 'nowhere'"):
        run_folder.find_checkpoint("nowhere")


def test_a_pattern_a_list_a_run_and_a_sweep_are_found_in_the_order_of_jobs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("sweep/10", "sweep/9", "outputs/gan-digits/one", "outputs/gan-digits/two"):
        write_run(tmp_path / name)
    (tmp_path / "outputs" / "a file").write_text("")

    def found(given):
        folders, others = run_folder.find(given)
        assert not others
        return [str(folder) for folder in folders]

    assert found("sweep") == ["sweep/9", "sweep/10"]
    assert found("outputs/*") == found("outputs") == ["outputs/gan-digits/one", "outputs/gan-digits/two"]
    assert found(["sweep/10", "outputs/gan-digits/t*", "sweep/10"]) == ["sweep/10", "outputs/gan-digits/two"]
    assert found(str(tmp_path / "sweep" / "*")) == [str(tmp_path / "sweep/9"), str(tmp_path / "sweep/10")]


def test_a_folder_whose_name_is_a_pattern_is_that_folder(tmp_path):
    folder = write_run(tmp_path / "run[1]*")
    assert run_folder.find(str(folder)) == ([folder], [])


def test_what_lies_in_a_run_is_no_run_of_its_own(tmp_path):
    folder = write_run(tmp_path / "run")
    write_run(folder / "wandb" / "files")
    assert run_folder.find(str(tmp_path)) == ([folder], [])


def test_folders_that_are_no_runs_are_told_apart(tmp_path):
    write_run(tmp_path / "run")
    (tmp_path / "other").mkdir()
    assert run_folder.find(f"{tmp_path}/*") == ([tmp_path / "run"], [tmp_path / "other"])


@pytest.mark.parametrize(
    ("given", "sentence"), [(None, "which runs"), ("nowhere/*", "no folder 'nowhere/"), (".", "there is no run in ")]
)
def test_without_a_run_one_sentence_says_so(tmp_path, monkeypatch, given, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=sentence):
        run_folder.find(given)


def test_a_nested_configuration_becomes_values_by_full_keys():
    assert dict(run_folder.flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": None, "f": {}})) == {"a.b": 1, "a.c.d": [2], "e": None}


def test_it_imports_nothing_heavy():
    code = "import sys, gan_lab.run_folder; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'lightning')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
