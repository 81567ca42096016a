"""Every command of every README runs, on a small stand-in where it needs data, an account or much time."""

import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from hydra._internal.utils import get_args_parser
from torchvision.transforms.functional import to_pil_image

from gan_lab import train
from gan_lab.cli import catalogue
from gan_lab.cli.compose import PACKAGE, check, compose, composer
from gan_lab.training import invariants
from tests.tiny import train_into

ROOT = PACKAGE.parent
DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text() for path in [*catalogue.readmes(), ROOT / ".github/CONTRIBUTING.md"]}


def blocks(language: str, *documents: str) -> str:
    """The code of this language in the documents, or in all of them."""
    texts = [DOCUMENTS[name] for name in documents or DOCUMENTS]
    return "".join(block for text in texts for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL))


COMMANDS = list(dict.fromkeys(line.split("  #")[0].strip() for line in blocks("bash").splitlines()))  # alike ones run once
SMALL = {
    "gan_lab.train": ["max_images=16", "data.batch_size=8", "network.generator.width=8", "network.discriminator.width=8",
                      "metric=none", "trainer.accelerator=cpu", "data.num_workers=0"],
    "gan_lab.list": [],
    "gan_lab.prepare": ["prepare.workers=0"],
    "gan_lab.check": ["network=mlp", "data.batch_size=8"],
    "gan_lab.benchmark_data": ["benchmark.images=400", "benchmark.seconds=0.1", "benchmark.rounds=1"],
    "gan_lab.sample": ["n=4"],
    "gan_lab.train_extractor": ["epochs=1", "batch_size=8"],
    "gan_lab.sensitivity": [],
    "gan_lab.dashboard": [],
    "gan_lab.benchmark_frechet": ["d=16", "reals=50", "samples=[20]", "repeats=1"],
    "gan_lab.evaluate": ["eval.num_fake=20", "eval.num_reference=20", "eval.seeds=[0]", "extractor=pixels", "device=cpu"],
    "gan_lab.report": [],
    "gan_lab.explore": [],
    "gan_lab.export": [],
    "gan_lab.benchmark": ["data.image_size=8", "data.batch_size=4", "benchmark.steps=1", "benchmark.rounds=1",
                          "benchmark.warmup=1", "network.generator.width=8", "network.discriminator.width=8"],
}  # fmt: skip
SMALLER = {  # by an option that the command has: fewer jobs
    "sweep=ring": ["model=gan,wgan", "seed=0", "model.d_steps=1"],
    "sweep=zoo": ["model=gan,wgan", "seed=0", "model.d_steps=1", "hydra/launcher=basic"],
    "sweep=digits": ["seed=0", "hydra/launcher=basic"],
    "sweep=landscape": [
        "model=gan",
        "penalty=none",
        "seed=0",
        "experiment=landscape/blobs_mlp,landscape/gaussians_mlp",
        "hydra/launcher=basic",
    ],
    "penalty=none,r1": ["model=gan", "seed=0"],
    "model=glob(*)": ["model=gan,dcgan"],
    "only=resume": ["only=steps"],
    "model=pggan": ["model.growth.batch_sizes={32: 4, 64: 2}"],
    "model=wgan_gp": ["model.d_steps=1"],
    "init_from=a_run": ["model=dcgan", "data.channels=1", "data.image_size=8", "model.freeze_d=1"],
    "experiment=wgan_gp_cifar10": ["data=fake", "data.image_size=8", "model.d_steps=1"],
    "hparams_search=optuna": ["hydra.sweeper.n_trials=2", "metric=modes"],
}
OWN_PROCESSES = "trainer.devices=2"  # such a command starts itself again
MY_GAN = blocks("python", "README.md")
MY_FILES = re.findall(r"```(?:python|yaml)\n# (my_\S+)\n(.*?)```", "".join(DOCUMENTS.values()), re.DOTALL)  # named in a comment


def main_of(module: str) -> Callable[[], None]:
    """What ``python -m MODULE`` runs."""
    found = import_module(module)
    return (import_module(f"{module}.__main__") if hasattr(found, "__path__") else found).main


def of(kind: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(kind)]


@pytest.fixture
def my_files(tmp_path):
    """The README's own GAN and all else that the READMEs tell people to write."""
    for name, text in [("my_gan.py", MY_GAN), *MY_FILES]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]


@pytest.fixture
def workplace(my_files, call, tmp_path, monkeypatch):
    """A folder with a run in it, images in every form and the README's own GAN."""
    images = [torch.randint(256, (3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(n)) for n in range(40)]
    for folder, suffix in (("images", "png"), ("data/celeba/img_align_celeba", "jpg")):
        (tmp_path / folder).mkdir(parents=True)
        for number, image in enumerate(images):
            to_pil_image(image).save(tmp_path / folder / f"{number:06d}.{suffix}")
    shutil.make_archive(str(tmp_path / "images"), "zip", tmp_path / "images")
    (tmp_path / "shards").mkdir()
    for number in map(str, range(9)):  # eight to train on, as data.streams asks for
        shutil.make_archive(str(tmp_path / "shards" / number), "tar", tmp_path / "images")
    names = " ".join(["Smiling", "Male", *(f"Other_{number}" for number in range(38))])
    attributes = [f"{number:06d}.jpg" + (" 1 -1" if number % 2 else " -1 1") + " 1" * 38 for number in range(40)]
    (tmp_path / "data/celeba/list_attr_celeba.txt").write_text("\n".join(["40", names, *attributes]))
    write_lsun(tmp_path / "data/lsun/bedroom_train_lmdb", images)
    np.save(tmp_path / "FILE.npy", np.random.default_rng(0).normal(size=(40, 2, 16)))
    np.savez(tmp_path / "FILE.npz", x=np.random.default_rng(0).normal(size=(40, 3)), y=np.arange(40))
    (tmp_path / "lines.txt").write_text("a line\n" * 40)
    quick = {name: invariants.INVARIANTS[name] for name in ("steps", "data", "samples")}  # of one run; all: tests/test_check.py
    monkeypatch.setattr(invariants, "INVARIANTS", quick)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)  # nothing is uploaded
    return call


def write_lsun(path, images):
    path.mkdir(parents=True)
    with lmdb.open(str(path)) as base, base.begin(write=True) as transaction:
        for number, image in enumerate(images):
            to_pil_image(image).save(file := io.BytesIO(), "webp")
            transaction.put(f"{number:040x}".encode(), file.getvalue())


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    """A run folder, to be copied."""
    return train_into(tmp_path_factory.mktemp("trained") / "a_run", *SMALL["gan_lab.train"], "max_images=8", curves=True)


QUICK = blocks("bash", "README.md").replace("python -m gan_lab.check", "")  # which tests/test_check.py calls on such a GAN
LONG = [c for c in of("python -m") if c not in QUICK and not c.startswith("python -m gan_lab.list")]
"""Commands of the rooms' READMEs: they run among the slow tests, and their options are checked here."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [pytest.param(c, marks=pytest.mark.slow if "sweep=" in c else ()) for c in LONG if "--cfg" not in c]
)
def test_the_options_of_a_long_command_compose(my_files, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, _, module, *arguments = shlex.split(command)
    config_name, args = module.removeprefix("gan_lab."), get_args_parser().parse_intermixed_args(arguments)
    with composer(config_name, args.config_dir):
        check(config_name, args.overrides)


@pytest.mark.parametrize("command", [pytest.param(c, marks=pytest.mark.slow if c in LONG else ()) for c in of("python -m")])
def test_a_command_runs(workplace, a_run, command, tmp_path, monkeypatch):
    shutil.copytree(a_run, tmp_path / ("outputs/dcgan-digits/a_run" if "outputs/*" in command else "a_run"))
    own = re.sub(r"FILE(?!\.np)", "lines.txt", command.replace("RUN", "a_run").replace("DIR", "images"))
    _, _, module, *arguments = shlex.split(own)
    small = [option for option in SMALL[module] if not ("mlp" in command and "width" in option)]
    small += ["logger=csv"] if module == "gan_lab.train" and "logger" not in command else []  # others: tests/logger
    small += [option for key, options in SMALLER.items() if key in arguments for option in options]
    given = {option.partition("=")[0] for option in small}
    arguments = [argument for argument in arguments if argument.partition("=")[0] not in given]
    if module == "gan_lab.explore":
        monkeypatch.setattr("gradio.Blocks.block_thread", lambda page: page.close())
    if OWN_PROCESSES in arguments:
        subprocess.run([sys.executable, "-m", module, *arguments, *small], cwd=tmp_path, check=True)
    else:
        workplace(main_of(module), *arguments, *small)


@pytest.mark.parametrize("command", dict.fromkeys(re.findall(r"-m gan_lab.train (.*)", blocks("sh"))))
def test_a_command_for_several_machines_composes(command):
    options = [option for option in shlex.split(command) if not option.startswith("hydra.")]
    assert compose("train", options).trainer.num_nodes == 2


@pytest.mark.parametrize("command", of("make"))
def test_a_make_target_exists(command):
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tensorboard_is_there():
    assert "tensorboard --logdir outputs" in of("tensorboard")
    assert shutil.which("tensorboard", path=str(Path(sys.executable).parent))


@pytest.mark.slow
def test_the_dashboard_commands_exist_and_find_the_offline_run(call, tmp_path):
    call(train.main, *SMALL["gan_lab.train"], "hydra.run.dir=a_run")
    wandb = shutil.which("wandb", path=str(Path(sys.executable).parent))
    for command in of("wandb"):
        _, verb, path = command.replace("RUN", str(tmp_path / "a_run")).split()
        assert list(Path(path).rglob("*.wandb"))
        assert subprocess.run([wandb, verb, "--help"], capture_output=True).returncode == 0


def test_every_command_is_of_a_kind_that_is_tested():
    assert len(COMMANDS) == sum(len(of(kind)) for kind in ("python -m", "make", "wandb", "tensorboard"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_linked_exists(name):
    for path in re.findall(r"\]\((?!http|#)([^)#\s]+)(?:#[^)]*)?\)", DOCUMENTS[name]):
        assert (ROOT / name).parent.joinpath(path).exists(), path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_by_its_path_exists(name):
    for path in re.findall(r"`((?:conf|gan_lab|tests)/[\w./]+)`", DOCUMENTS[name]):
        assert (ROOT / path).exists() or "NAME" in path or "my_" in path, path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_tables_are_those_of_docstrings_and_yaml_files(name):
    assert DOCUMENTS[name] == catalogue.with_tables(DOCUMENTS[name]), "make readme writes them anew"


def test_the_readme_is_short():
    assert len(DOCUMENTS["README.md"].splitlines()) <= 150
