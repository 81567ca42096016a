"""gan_lab: train, compare and judge every GAN from one small, tested code base."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lab.cli import resolvers as resolvers  # every configuration needs them, wherever it is read

if TYPE_CHECKING:
    from gan_lab.model.gan import GAN

__version__ = "0.2.0"


def load(run: str | Path, checkpoint: str = "best", trust: Collection[str] = ()) -> "GAN":
    """Return the trained GAN of a run, in evaluation mode on the CPU: ``gan_lab.load("outputs/...").sample(range(16), 0)``.

    Args:
        run: a run folder, a .ckpt file, ``hf://USER/NAME`` of the Hugging Face Hub, or a folder as it is there.
        checkpoint: ``best`` or ``last``, of a folder.
        trust: your own modules that the run's GAN is made of, such as ``["my_gan"]``: a file calls no others.

    Raises:
        InputError: there is no such run, no checkpoint of gan_lab in it, or one that calls other code.
    """
    if str(run).startswith("hf://") or (Path(run) / "gan.safetensors").is_file():
        from gan_lab.export import hub

        return hub.load(run, trust)
    from gan_lab.training.checkpoint import load as load_checkpoint  # torch is imported by whoever loads

    gan, _ = load_checkpoint(run, checkpoint, trust)
    return gan
