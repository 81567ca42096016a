import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate

from gan_lab.cli import command
from gan_lab.cli.compose import CONF
from gan_lab.cli.schema import TrainKeys
from gan_lab.errors import InputError


@pytest.mark.parametrize("flag", [[], ["--help"], ["--cfg", "job"]])
def test_a_config_folder_that_is_not_there_is_named(tmp_path, flag):
    with pytest.raises(SystemExit, match=r"gan_lab: there is no folder \S+nowhere, which --config-dir names"):
        command.command("report", print, [*flag, "--config-dir", str(tmp_path / "nowhere")])


def test_a_mistake_in_a_users_yaml_is_one_sentence_with_its_place(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("d_steps: [1\nlr: 2\n")
    with pytest.raises(SystemExit, match=r"gan_lab: in \S*mine.yaml\S*, line 2, column \d+: [^\n]+$"):
        command.command("train", print, ["model=mine", "--config-dir", str(tmp_path)])


@pytest.mark.parametrize("sweep", ["model=gan,wgan", "seed=range(0,3)", "optimizer.g.lr=interval(1e-4,1e-3)"])
def test_a_sweep_without_its_flag_is_refused(sweep):
    with pytest.raises(SystemExit, match="is a sweep: add -m, or write a list as "):
        command.command("train", print, [sweep])


def test_an_interpolation_that_leads_nowhere_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"gan_lab: max_grids: Interpolation key 'nope' not found"):
        command.command("report", lambda cfg: cfg.max_grids, ["max_grids=${nope}"])


def test_a_run_composes_once_and_a_sweep_every_job(tmp_path, monkeypatch):
    composed, load = [], ConfigLoaderImpl.load_configuration
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", lambda *args, **kw: composed.append(args) or load(*args, **kw))
    seen = []
    command.command("report", lambda cfg: seen.append(cfg.max_grids), ["max_grids=3"])
    assert (seen, len(composed)) == ([3], 1)
    command.command("report", lambda cfg: seen.append(cfg.max_grids), ["-m", "max_grids=4,5", f"hydra.sweep.dir={tmp_path}"])
    assert seen == [3, 4, 5]


def test_help_lists_the_options_of_every_group_and_those_of_a_users_folder(tmp_path, capsys):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("defaults: [dcgan]\n")
    with pytest.raises(SystemExit):
        command.command("train", print, ["--help", "--config-dir", str(tmp_path)])
    said = capsys.readouterr().out
    assert "\nmodel/g_loss: " in said and "trainer: ddp, default" in said and "hydra/launcher: " not in said
    assert "mine" in next(line for line in said.splitlines() if line.startswith("model: "))


COMMANDS = [
    "train",
    "sample",
    "evaluate",
    "check",
    "list",
    "doctor",
    "prepare",
    "sensitivity",
    "dashboard",
    "explore.__main__",
    "report.__main__",
    "benchmark.__main__",
    "benchmark_data",
    "benchmark_frechet",
]


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in COMMANDS[:2] else pytest.mark.slow) for n in COMMANDS])
def test_help_imports_nothing_heavy(name):
    code = (
        f"import sys\nfrom gan_lab.{name} import main\nsys.argv = ['{name}', '--help']\ntry:\n    main()\nfinally:\n"
        "    sys.exit(any(name in sys.modules for name in ('torch', 'lightning', 'wandb', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"python -m gan_lab.{name.removesuffix('.__main__')}" in done.stdout


def test_a_dotted_target_is_imported_when_it_runs_and_not_for_help(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_command.py").write_text("def run(cfg):\n    print('ran with', cfg.max_grids)\n")
    with pytest.raises(SystemExit):
        command.command("report", "own_command.run", ["--help"])
    assert "own_command" not in sys.modules
    command.command("report", "own_command.run", ["max_grids=3"])
    assert capsys.readouterr().out.endswith("ran with 3\n")


def test_a_ctrl_c_ends_any_command_with_130_and_no_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        command.command("report", lambda cfg: signal.raise_signal(signal.SIGINT), [])
    assert exit_.value.code == 130
    assert capsys.readouterr().err == "\ngan_lab: stopped\n"


def test_the_command_line_of_the_process_is_read_and_left_as_it_is(tmp_path, monkeypatch):
    seen, argv = [], ["gan_lab", "max_grids=3"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", argv)
    command.command("report", lambda cfg: seen.append((cfg.max_grids, HydraConfig.get().job.name)))
    command.command("report", lambda cfg: seen.append((cfg.max_grids, HydraConfig.get().job.name)), ["max_grids=4"])
    assert seen == [(3, "report"), (4, "report")]
    assert sys.argv is argv and argv == ["gan_lab", "max_grids=3"]


BROKEN = {
    "import einopsx\n": "broken_gan.py, line 1: No module named 'einopsx'",
    "from torch import nope\n": "broken_gan.py, line 1: cannot import name 'nope' from 'torch'",
    "x = 1\ny = (\n": "broken_gan.py, line 2: SyntaxError: '(' was never closed",
    "x = 1\nprint(z)\n": "broken_gan.py, line 2: NameError: name 'z' is not defined",
    "x = 1\n": "broken_gan has no 'MyGAN'",
}


@pytest.mark.parametrize(("text", "cause"), BROKEN.items())
@pytest.mark.parametrize("make", [lambda target: instantiate({"model": {"_target_": target}}), get_class])
def test_a_failed_import_of_a_users_part_says_where_and_why(tmp_path, monkeypatch, text, cause, make):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_gan", raising=False)
    (tmp_path / "broken_gan.py").write_text(text)
    importlib.invalidate_caches()
    with pytest.raises((InstantiationException, ImportError)) as error:
        make("broken_gan.MyGAN")
    said = command.sentence(error.value)
    assert "Error loading 'broken_gan.MyGAN': " in said
    assert cause in said
    assert "\n" not in said


def test_an_import_that_fails_in_our_own_code_is_no_sentence():
    assert command.sentence(ImportError("No module named 'x'")) is None


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (InputError("give a number"), "give a number"),
        (ValueError("too\nlarge"), "model: too"),
        (None, "Error in call"),
    ],
)
def test_what_a_constructor_refused_stands_behind_its_place(cause, said):
    error = InstantiationException("Error in call\nfull_key: model" if cause else "Error in call")
    error.__cause__ = cause
    assert command.sentence(error) == said


PRINTED = [f"{group}={path.stem}" for group in ("model", "experiment") for path in sorted((CONF / group).glob("*.yaml"))]


@pytest.mark.parametrize(
    "choice",
    [pytest.param(each, marks=() if each == "model=afm" else pytest.mark.slow) for each in PRINTED],
)
def test_a_resolved_configuration_is_printed_as_yaml(choice, capsys):
    command.command("train", print, [choice, "--cfg", "job", "--resolve"])
    said = capsys.readouterr().out
    assert "${" not in said
    assert {*yaml.safe_load(said)} >= TrainKeys.__required_keys__


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("gan-lab-train model=wg", {"model=wgan", "model=wgan_gp"}),
        ("gan-lab-train model=dcgan optimizer.g.l", {"optimizer.g.lr="}),
    ],
)
def test_a_shell_completes_options_and_keys(line, found, monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", line)
    command.command("train", print, ["--shell-completion", "query=bash"])
    assert {*capsys.readouterr().out.split()} == found


@pytest.mark.slow
def test_bash_completes_an_installed_command():
    script = """
        eval "$(gan-lab-train --shell-completion install=bash)"
        complete -p gan-lab-train
        COMP_LINE='gan-lab-train model=wg' COMP_POINT=22 COMP_CWORD=1 && hydra_bash_completion && echo "${COMPREPLY[@]}"
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=os.environ | {"PATH": path})
    installed, completed = done.stdout.splitlines()
    assert installed.endswith("-F hydra_bash_completion gan-lab-train"), done.stderr
    assert completed == "model=wgan model=wgan_gp"


def test_options_may_stand_on_both_sides_of_a_flag(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    seen = []
    command.command(
        "report", lambda cfg: seen.append((cfg.max_grids, cfg.runs)), ["max_grids=3", "--config-dir", "mine", "runs=a"]
    )
    assert seen == [(3, "a")]
