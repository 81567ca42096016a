"""Every command of the README runs, on a small stand-in where it needs data, an account or much time."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.transforms.functional import to_pil_image

from gan_lab import benchmark, sample, train
from gan_lab.command import PACKAGE

README = (PACKAGE.parent / "README.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip() for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()
]
MAIN = {"gan_lab.train": train.main, "gan_lab.sample": sample.main, "gan_lab.benchmark": benchmark.main}
SMALL = {
    "gan_lab.train": ["max_images=16", "data.batch_size=8", "network.generator.width=8", "network.discriminator.width=8",
                      "metric=none", "trainer.accelerator=cpu"],
    "gan_lab.sample": ["n=4"],
    "gan_lab.benchmark": ["data.image_size=8", "data.batch_size=4", "benchmark.steps=1", "benchmark.rounds=1",
                          "benchmark.warmup=1", "network.generator.width=8", "network.discriminator.width=8"],
}  # fmt: skip
MY_GAN = re.search(r"```python\n(from gan_lab import losses.*?)```", README, re.DOTALL).group(1)


def of(kind: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(kind)]


@pytest.fixture
def workplace(call, tmp_path):
    """A folder with a run in it, a folder of images and the README's own GAN."""
    (tmp_path / "images").mkdir()
    for number in range(40):
        image = torch.randint(256, (3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(number))
        to_pil_image(image).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "my_gan.py").write_text(MY_GAN)
    sys.modules.pop("my_gan", None)
    return lambda main, *arguments: call(main, *arguments)


@pytest.mark.parametrize("command", of("python -m"))
def test_a_command_of_the_readme_runs(workplace, command):
    if "RUN" in command:
        workplace(train.main, *SMALL["gan_lab.train"], "max_images=8", "hydra.run.dir=a_run", "logger=csv")
    _, _, module, *arguments = shlex.split(command.replace("RUN", "a_run").replace("DIR", "images"))
    small = [option for option in SMALL[module] if not ("dirac" in command and "width" in option)]
    workplace(MAIN[module], *arguments, *small)


@pytest.mark.parametrize("command", of("make"))
def test_a_make_target_of_the_readme_exists(command):
    done = subprocess.run([*command.split(), "--dry-run"], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", of("wandb"))
def test_the_dashboard_commands_exist_and_find_the_offline_run(workplace, command, tmp_path):
    folder = workplace(train.main, *SMALL["gan_lab.train"], "hydra.run.dir=a_run")
    _, verb, path = command.replace("RUN", str(folder / "a_run")).split()
    assert list(Path(path).rglob("*.wandb"))
    wandb = shutil.which("wandb", path=str(Path(sys.executable).parent))
    assert subprocess.run([wandb, verb, "--help"], capture_output=True).returncode == 0


def test_every_command_block_of_the_readme_is_covered():
    assert len(COMMANDS) == sum(len(of(kind)) for kind in ("python -m", "make", "wandb"))


def test_every_file_that_the_readme_shows_exists():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (PACKAGE.parent / path).exists(), path
