"""What to judge: a trained run with real images of its data, or images made elsewhere."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab import trust
from gan_lab.data.module import Data
from gan_lab.data.prepared import sha256
from gan_lab.errors import InputError
from gan_lab.evaluation.evaluator import EvalTarget
from gan_lab.evaluation.extractor import weights
from gan_lab.evaluation.source import Files, Generated, Reals, Source, is_statistics, must_fit
from gan_lab.model.gan import GAN
from gan_lab.training import checkpoint

MOST = 2000
"""Samples where neither an option nor the number of held-out reals says fewer."""


def runs(choice: Any) -> list[Path]:
    """Return the run folders or checkpoints of ``run=``: one, a list, or a pattern."""
    names = list(choice) if isinstance(choice, list | tuple) or OmegaConf.is_list(choice) else [choice]
    found = [path for name in names for path in (sorted(Path().glob(name)) if "*" in name and name[0] != "/" else [Path(name)])]
    if "*" in str(choice):
        found = [path for path in found if path.is_file() or (path / "checkpoints").is_dir()]
    if not found:
        raise InputError(f"run={choice} matches no run folder")
    return found


def of_run(
    run: Path,
    which: str = "best",
    moved: Mapping[str, Any] | None = None,
    split: str = "train",
    reference: str | None = None,
    num_fake: int | None = None,
    num_reference: int | None = None,
    ema: bool = True,
    truncation: float | None = None,
    trusted: Collection[str] = (),
    size: Sequence[int] | None = None,
    strict: bool = False,
    extractors: Mapping[str, Any] | None = None,
) -> EvalTarget:
    """Load a checkpoint to judge.

    Args:
        run: folder or checkpoint.
        which: "best" or "last", of a folder.
        moved: new values for options of its data.
        split: "train" or "held_out", to compare samples with; the other one gives the baseline.
        reference: a place of other images to compare them with, or of their mean and covariance; None: ``split``.
        num_fake: of each seed; None: as many as there are reals for the baseline, up to `MOST`.
        num_reference: of ``split``; None: all.
        ema: by the averaged generator, or by G itself.
        truncation: see `gan_lab.model.base.sampling.Sampling.sample`.
        trusted: modules outside gan_lab that the checkpoint may call; see `gan_lab.trust.check`.
        size: to scale ``reference`` to, as `Files` does.
        strict: of `Files`.
        extractors: to judge with; None: those of the run, whose weights are looked for before its data.
    """
    path = checkpoint.find(run, which)
    gan, made_by = checkpoint.load(path, trusted=trusted)
    trust.check(made_by, path, trusted, ["data", "extractor"])
    own = made_by.get("extractor")
    weights.check(extractors or own)
    data = data_of(path, made_by, moved or {})
    other = "train" if split == "held_out" else "held_out"
    n = num_fake or min(len(Reals(data, other)), MOST)
    sample = _samples(gan, n, ema, truncation)
    reals: Source | Path = Reals(data, split, num_reference)
    if reference:
        reals = place(reference, sample(0).shape, getattr(data, "value_range", None), size, strict)
    facts = {
        "run": str(run),
        "checkpoint": str(path),
        "checkpoint_sha256": sha256(path),
        "images_seen": gan.images_seen,
        "split": None if reference else split,
        "compared_with": reference,
        "ema": ema,
        "batch_norm": "standing statistics" if gan.standing_batches else "running statistics",
        "truncation": truncation,
        "grown_to": gan.level and gan.level.resolution,  # lower ones are enlarged to the final one
        "dtype": "float32",
    }
    folder, overrides = run if run.is_dir() else run.parent, checkpoint.read(path)["overrides"]
    display = checkpoint.display_of(made_by)
    return EvalTarget(sample, reals, Reals(data, other, n), facts, folder, gan, data, own, overrides, display)


def of_files(samples: str, reference: str, size: Sequence[int] | None = None, strict: bool = False) -> EvalTarget:
    """Open images made elsewhere, and the images or the statistics to compare them with; the options are those of `Files`."""
    source = Files(Path(samples).expanduser(), size=size, strict=strict)
    facts: dict[str, Any] = {"samples": samples, "compared_with": reference} | ({"resized_to": list(size)} if size else {})
    reals = place(reference, source.shape, size=size, strict=strict)
    return EvalTarget(lambda seed: source, reals, None, facts)


def _samples(gan: GAN, n: int, ema: bool, truncation: float | None) -> Callable[[int], Generated]:
    return lambda seed: Generated(gan, n, seed, ema, truncation)


def data_of(path: Path, made_by: DictConfig, moved: Mapping[str, Any]) -> Data:
    """Set up the data set that a checkpoint was trained on, and refuse any other."""
    for key, value in moved.items():
        OmegaConf.update(made_by, f"data.{key!s}", value, force_add=True)
    data: Data = instantiate(made_by.data)
    data.prepare_data()
    data.setup()
    checkpoint.check_data(path, data)
    return data


def place(
    name: str,
    shape: tuple[int, ...],
    value_range: Sequence[float] | None = None,
    size: Sequence[int] | None = None,
    strict: bool = False,
) -> Files | Path:
    """Open images of this shape at a place, or return the path of their mean and covariance."""
    path = Path(name).expanduser()
    if is_statistics(path):
        return path
    files = Files(path, shape[0], value_range, size, strict)
    must_fit(shape, files.shape, path)
    return files
