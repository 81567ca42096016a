"""A researcher's own folder, and the commands that he runs in it: all that these tests know of gan_lab's inside."""

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import gan_lab
from gan_lab import check, sample, train
from gan_lab.model.gan import GAN
from gan_lab.run_folder import RunFolder

TINY = ["data=fake", "data.image_size=8", "data.channels=1", "data.batch_size=4", "data.train.n=64", "data.held_out.n=16"]
SHORT = ["max_images=32", "val_every_images=16", "sample_every_images=32", "checkpoint_every_images=32", "log_every_steps=4",
         "logger=csv"]  # fmt: skip
SMALL = ["network=mlp", "network.generator.width=8", "network.discriminator.width=8"]
OWN = ["--config-dir", "conf"]


class Lab:
    """An empty folder with `my_*.py` and `conf/` of somebody's own.

    Args:
        call: calls a command's ``main()`` in this folder.
        folder: the folder.
    """

    def __init__(self, call: Callable[..., Path], folder: Path) -> None:
        self.call, self.folder = call, folder
        self.own: list[str] = []

    def write(self, **files: str) -> None:
        """Write files by their names, with ``__`` for ``/``: ``my_gan="..."`` is ``my_gan.py``, ``conf__model__my`` a yaml."""
        for name, text in files.items():
            self.own += [] if name.startswith("conf") else [name]
            path = self.folder / f"{name.replace('__', '/')}.{'yaml' if name.startswith('conf') else 'py'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
            sys.modules.pop(name, None)

    def train(self, *overrides: str, run: str = "run") -> RunFolder:
        """Train for a few steps."""
        self.call(train.main, *SHORT, f"hydra.run.dir={run}", *overrides)
        return RunFolder(self.folder / run)

    def resume(self, *overrides: str, run: str = "run") -> RunFolder:
        """Go on with a run in its folder."""
        self.call(train.main, f"resume={run}", self._trust, *overrides)
        return RunFolder(self.folder / run)

    def sample(self, *overrides: str) -> None:
        """Sample from the run."""
        self.call(sample.main, "run=run", self._trust, *overrides)

    def load(self, run: str = "run") -> GAN:
        """Load the GAN of a run."""
        return gan_lab.load(run, trust=self.own)

    @property
    def _trust(self) -> str:
        return f"trust=[{','.join(self.own)}]"

    def check(self, *overrides: str) -> None:
        """Check; a violated invariant is a SystemExit."""
        self.call(check.main, *overrides)
