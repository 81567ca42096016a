"""Read, write and load checkpoints.

A checkpoint is one file that stands alone: weights, optimizers, clocks, and the configuration that made them, as plain
data (it loads with ``weights_only``).
"""

import io
import traceback
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from hydra.utils import instantiate
from lightning import Callback, Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.trainer.connectors import checkpoint_connector
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lab import atomic, trust
from gan_lab.errors import InputError, first_line
from gan_lab.model.base import CLOCKS
from gan_lab.model.base.networks import with_own_parts
from gan_lab.model.gan import GAN
from gan_lab.plot.display import Display, Pictures
from gan_lab.run_folder import find_checkpoint as find
from gan_lab.training.build import PARTS, build

if TYPE_CHECKING:
    from gan_lab.data.module import Data


FORMAT = 1
"""Of a checkpoint's content; a gan_lab reads all former ones, and the ones before 0.3, which state none."""

CONTENT = {
    "config": dict, "overrides": list, "state_dict": dict, "optimizer_states": list, "lr_schedulers": list, "callbacks": dict,
    "loops": dict, "global_step": int,
}  # fmt: skip

NESTED = ("optimizer_states", "lr_schedulers", "callbacks", "loops")
"""Parts that hold a dictionary for each optimizer, callback and so on."""

RESTORE, OPTIM = checkpoint_connector.__file__, str(Path(torch.optim.__file__).parent)
PARTS_OF_STEPS = {
    "restore_model": "weights or optimizer_states", "restore_datamodule": "a state of its data", "restore_loops": "loops",
    "restore_callbacks": "callbacks", "restore_optimizers": "optimizer_states", "restore_lr_schedulers": "lr_schedulers",
    "restore_precision_plugin_state": "a state of its precision", "resume_start": "content",
}  # fmt: skip
"""Parts by the function of Lightning, in `RESTORE`, that restores them."""

OPTIONAL = {"rows": int, "trained_on": dict}


def read(path: Path) -> dict[str, Any]:
    """Return the checkpoint's content, on the CPU.

    Raises:
        InputError: the file is damaged, also where only a weight has changed, was not written by gan_lab, or by a newer one.
    """
    try:
        _check_bytes(path, path.stat().st_mtime_ns)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a broken file fails in many ways
        raise InputError(f"'{path}' is broken or no checkpoint of gan_lab ({first_line(error)})") from error
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
        raise InputError(
            f"'{path}' was not written by gan_lab: it has no 'config' to build its networks from (published "
            "weights of others become a run by gan_lab.import_weights)"
        )
    if content.get("format", 0) not in range(FORMAT + 1):
        raise InputError(f"'{path}' has format {content['format']}, and this gan_lab reads up to {FORMAT}: update gan_lab")
    odd = [part for part, kind in CONTENT.items() if not isinstance(content.get(part), kind)]
    odd += [part for part in NESTED if part not in odd and not all(isinstance(each, dict) for each in _values(content[part]))]
    odd += [part for part, kind in OPTIONAL.items() if not isinstance(content.get(part), kind | None)]
    clocks = {} if odd else content["state_dict"].get("_extra_state")
    if not odd:
        odd = [clock for clock in CLOCKS if not isinstance(clocks, dict) or not _is_count(clocks.get(clock))]
    if odd:
        raise InputError(f"'{path}' is no whole checkpoint of gan_lab: its {', '.join(odd)} is missing or of another kind")
    return content


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and 0 <= number < 2**63


def _values(part: Any) -> Any:
    return part.values() if isinstance(part, dict) else part


@cache
def _check_bytes(path: Path, written_at: int) -> None:
    """Compare each part of the file, a zip archive, with its checksum, which torch writes and does not read."""
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} is not what was written")


def load(run: str | Path, name: str = "best", trusted: Collection[str] = ()) -> tuple[GAN, DictConfig]:
    """Return the GAN of a run, in evaluation mode on the CPU, and its configuration.

    Args:
        run: a folder or a checkpoint.
        name: "best" or "last", of a folder.
        trusted: modules outside gan_lab that the checkpoint may call; see `gan_lab.trust.check`.
    """
    path = find(run, name)
    cfg = OmegaConf.create(read(path)["config"])
    trust.check(cfg, path, trusted, [*PARTS, "display"])
    try:
        gan = build(cfg)
    except (OmegaConfBaseException, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"the configuration in '{path}' makes no GAN: {first_line(error)}") from error
    restore(gan, path)
    return gan.eval(), cfg


def display_of(cfg: DictConfig) -> Display:
    """Return the display of a run's samples; a checkpoint that states none shows pictures."""
    display: Display = instantiate(cfg.display) if "display" in cfg else Pictures()
    return display


def restore(gan: GAN, path: Path) -> None:
    """Load weights and clocks; refuse a checkpoint of other networks."""
    try:
        gan.load_state_dict(with_own_parts(read(path)["state_dict"], gan.state_dict()))
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip().rstrip(".")
        raise InputError(
            f"'{path}' is a checkpoint of other networks than this command's ({reason}): leave network= and data= as they were"
        ) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # of some part's own state
        raise InputError(f"'{path}' holds a state that its GAN does not take: {first_line(error)}") from error


@contextmanager
def restoring(path: Path, gan: GAN) -> Iterator[None]:
    """Name the file and the part that Lightning cannot restore; an error of training itself stays as it is.

    The memory of an optimizer shows its faults in the first step only.
    """
    start = gan.images_seen
    try:
        yield
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        parts = [PARTS_OF_STEPS[each.name] for each in frames if each.name in PARTS_OF_STEPS and each.filename == RESTORE]
        if gan.images_seen == start and frames[-1].filename.startswith(OPTIM) and not isinstance(error, torch.OutOfMemoryError):
            parts.append("optimizer_states")
        if not parts or isinstance(error, InputError | OSError):
            raise
        raise InputError(
            f"'{path}' holds {parts[-1]} that this run does not take ({type(error).__name__}: {first_line(error)}): go on from "
            f"an older one of its folder by resume=FILE.ckpt, or remove {path.name} and give resume=auto"
        ) from error


class WholeFile(TorchCheckpointIO):
    """Writes a checkpoint where it is told to; Lightning writes it to ``$TMPDIR``, which may be full, and copies it."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write it, from memory: torch itself hides that a disk is full behind an error of its own."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        Path(path).write_bytes(content.getbuffer())


def save(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint so that a crash or a full disk leaves the former one whole."""
    trainer.strategy.checkpoint_io = WholeFile()
    with atomic.replacing(path) if trainer.is_global_zero else nullcontext(path) as target:
        trainer.save_checkpoint(target)  # every rank takes part, the first writes


class EmbedConfig(Callback):
    """Embeds the configuration, and facts that identify the training images, in every checkpoint.

    Args:
        cfg: the configuration; stored as plain data with its interpolations, so that a resumed run may change what they name.
        overrides: the command line that made it.
    """

    def __init__(self, cfg: DictConfig, overrides: list[str]) -> None:
        self.config, self.overrides = OmegaConf.to_container(cfg), overrides
        self.trained_on: dict[str, Any] = {}

    def on_fit_start(self, trainer: Trainer, gan: GAN) -> None:
        """Identify the data once."""
        self.trained_on = facts(trainer.datamodule)  # type: ignore[attr-defined]  # `fit` sets it

    def on_save_checkpoint(self, trainer: Trainer, gan: GAN, content: dict[str, Any]) -> None:
        """Add them."""
        content |= {"format": FORMAT, "config": self.config, "overrides": self.overrides, "trained_on": self.trained_on}
        content["rows"] = next((logger.rows for logger in trainer.loggers if hasattr(logger, "rows")), None)


def facts(data: "Data") -> dict[str, Any]:
    """Return facts that identify the training images: their number and, for arrays, their hashes."""
    known = data.fingerprint("train") or {}
    return {"images": data.num_train, "sha256": known.get("sha256")}


def check_data(path: Path, data: "Data") -> None:
    """Refuse other training images than those of the checkpoint."""
    trained_on, now = read(path).get("trained_on", {}), facts(data)
    if any(None not in (value, now[key]) and now[key] != value for key, value in trained_on.items()):
        raise InputError(
            f"'{path}' was trained on other images ({trained_on['images']:,}) than these ({now['images']:,}): give the folder "
            "of the former (+data.root=DIR), or compare with any images by reference=FOLDER"
        )
