"""The wheel, installed beside no checkout, trains from an empty folder, and finds what a user keeps outside it."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from gan_lab import __version__
from gan_lab.cli.compose import CONF, PACKAGE

TINY = ["data=fake", "data.image_size=8", "data.channels=1", "data.batch_size=4", "max_images=8", "logger=csv",
        "trainer.accelerator=cpu", "network.generator.width=8", "network.discriminator.width=8"]  # fmt: skip
MY_MODEL = """
defaults:
  - base/default@_here_
  - latent: normal
  - _self_
  - override /network@_global_.network: my_net
_target_: my_gan.MyGAN
"""
MY_NET = """
generator:
  _target_: my_gan.Generator
  channels: ${data.channels}
  image_size: ${data.image_size}
  width: 4
  latent_dim: 5
discriminator:
  _target_: gan_lab.network.dcgan.Discriminator
  channels: ${data.channels}
  image_size: ${data.image_size}
  width: 4
"""
MY_CODE = """
from gan_lab.model.hinge import HingeGAN
from gan_lab.network import dcgan


class MyGAN(HingeGAN):
    pass


class Generator(dcgan.Generator):
    pass
"""


def python(*arguments, cwd: Path, executable=sys.executable) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "GAN_LAB_DATA")}
    done = subprocess.run([executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=200, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The ``bin`` of an environment that has the wheel, and all else from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    build = ["-m", "pip", "wheel", str(PACKAGE.parent), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    python(*build, cwd=folder)
    venv.create(folder / "venv", system_site_packages=True)
    bin_ = folder / "venv" / "bin"
    python("-m", "pip", f"--python={bin_ / 'python'}", "install", "--no-deps", *map(str, folder.glob("*.whl")), cwd=folder)
    packages = python(
        "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder, executable=bin_ / "python"
    ).strip()
    # pip's own environments have no parent but the machine's; what a .pth adds is searched, but its own .pth files are not read
    (Path(packages) / "parent.pth").write_text(sysconfig.get_path("purelib"))
    return bin_


@pytest.mark.slow
def test_the_wheel_carries_every_yaml(installed, tmp_path):
    find = (
        "from gan_lab.cli.compose import CONF as c; print(c); print(*(p.relative_to(c) for p in c.rglob('*.yaml')), sep='\\n')"
    )
    conf, *files = python("-c", find, cwd=tmp_path, executable=installed / "python").splitlines()
    assert Path(conf).parent.name == "gan_lab" and not Path(conf).is_relative_to(PACKAGE.parent)
    assert sorted(files) == sorted(str(path.relative_to(CONF)) for path in CONF.rglob("*.yaml"))


@pytest.mark.slow
def test_the_wheel_tells_type_checkers_that_it_has_types(installed, tmp_path):
    find = "from gan_lab.cli.compose import PACKAGE as p; print((p / 'py.typed').is_file())"
    assert python("-c", find, cwd=tmp_path, executable=installed / "python") == "True\n"


@pytest.mark.parametrize(
    ("file", "line"), [("CITATION.cff", f"version: {__version__}"), ("CHANGELOG.md", f"## {__version__} - ")]
)
def test_the_version_is_told_wherever_it_stands(file, line):
    assert f"\n{line}" in (PACKAGE.parent / file).read_text()


@pytest.mark.slow
def test_the_installed_commands_train_sample_and_report_from_an_empty_folder(installed, tmp_path):
    def call(name, *options):
        return python(installed / f"gan-lab-{name}", *options, cwd=tmp_path, executable=installed / "python")

    assert "8 images" in call("train", *TINY, "hydra.run.dir=run")
    call("sample", "run=run", "n=4")
    assert list((tmp_path / "run" / "generated").iterdir())
    call("report", "runs=run")
    assert "<svg" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_the_installed_command_trains_a_gan_and_a_network_that_lie_outside(installed, tmp_path):
    configs, folder = tmp_path / "configs", tmp_path / "work"
    for path, text in (
        (configs / "model" / "my_gan.yaml", MY_MODEL),
        (configs / "network" / "my_net.yaml", MY_NET),
        (folder / "my_gan.py", MY_CODE),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    tiny = [option for option in TINY if "width" not in option]
    python(installed / "gan-lab-train", "--config-dir", configs, "model=my_gan", *tiny, "hydra.run.dir=run", cwd=folder)
    config = (folder / "run" / "config.yaml").read_text()
    assert "my_gan.MyGAN" in config and "my_gan.Generator" in config


@pytest.mark.slow
@pytest.mark.parametrize("name", tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]["scripts"])
def test_each_command_answers_for_help(installed, tmp_path, name):
    assert "gan_lab" in python(installed / name, "--help", cwd=tmp_path)
