"""What trained GANs are worth: ``python -m gan_lab.evaluate run=outputs/dcgan-digits/DATE_TIME eval=quick``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from gan_lab.cli.command import command

if TYPE_CHECKING:
    from gan_lab.data.module import Data
    from gan_lab.evaluation.result import EvalResult
    from gan_lab.evaluation.source import Files

DEFAULT = 2000
"""Samples where neither ``eval.num_fake`` nor the number of held-out reals says less."""


def main() -> None:
    """The command."""
    command("evaluate", evaluate)


def evaluate(cfg: DictConfig) -> None:
    """Judge every run, or the images of two places; write a ``metrics.json`` each and print a table."""
    from gan_lab.cli import console
    from gan_lab.errors import InputError, pick, require
    from gan_lab.evaluation import features, result

    console.quiet()
    require(cfg, {"batch_size": 1, "eval.num_fake": 2, "eval.num_reference": 2}, int)
    for key, choices in {
        "checkpoint": ("best", "last"),
        "eval.reference": ("train", "held_out"),
        "format": result.FORMATS,
    }.items():
        pick(dict.fromkeys(choices), OmegaConf.select(cfg, key), key)
    if (cfg.run is None) == (cfg.a is None):
        raise InputError("what is to be judged? Give run=outputs/MODEL-DATA/DATE_TIME or run=FILE.ckpt; or a=FOLDER b=FOLDER")
    with features.processes(cfg.device):
        records = [judge_run(path, cfg) for path in runs(cfg.run)] if cfg.run is not None else [judge_files(cfg)]
        if features.process()[0] == 0:
            result.show(records, cfg.format)


def runs(choice: Any) -> list[Path]:
    """The run folders or checkpoints of ``run=``: one, a list, or a pattern."""
    from gan_lab.errors import InputError

    names = list(choice) if isinstance(choice, ListConfig) else [choice]
    found = [path for name in names for path in (sorted(Path().glob(name)) if "*" in name and name[0] != "/" else [Path(name)])]
    if "*" in str(choice):
        found = [path for path in found if path.is_file() or (path / "checkpoints").is_dir()]
    if not found:
        raise InputError(f"run={choice} matches no run folder")
    return found


def judge_run(run: Path, cfg: DictConfig) -> "EvalResult":
    """The record of one checkpoint: samples of every seed, and held-out reals in their place as the floor."""
    from gan_lab.data.prepared import sha256
    from gan_lab.errors import InputError
    from gan_lab.evaluation.evaluator import EvalTarget, Evaluator
    from gan_lab.evaluation.extractor import trained
    from gan_lab.evaluation.source import Generated, Reals
    from gan_lab.training import checkpoint

    path = checkpoint.find(run, cfg.checkpoint)
    gan, made_by = checkpoint.load(path)
    choice = cfg.get("extractor") or OmegaConf.select(made_by, "metric.extractor")
    if choice is None:
        raise InputError(f"'{run}' was trained without an extractor: choose extractor=inception, or another of --help")
    data = data_of(path, made_by, cfg.data)
    choice = trained.settle(choice, data, checkpoint.read(path)["overrides"], "extractor")
    gan.to(cfg.device)
    options, split = cfg.eval, cfg.eval.reference
    other = "train" if split == "held_out" else "held_out"
    n = options.num_fake or min(len(Reals(data, other)), DEFAULT)
    sample = lambda seed: Generated(gan, n, seed, cfg.ema)  # noqa: E731
    reference = (
        place(cfg.b, sample(0).shape) if cfg.b else Reals(data, split, options.num_reference or (n if split == other else None))
    )
    facts = {
        "run": str(run),
        "checkpoint": str(path),
        "checkpoint_sha256": sha256(path),
        "images_seen": gan.images_seen,
        "split": None if cfg.b else split,
        "b": cfg.b,
        "ema": cfg.ema,
        "batch_norm": "running statistics",
        "truncation": None,
        "dtype": "float32",
    }
    return Evaluator(cfg, choice, folder(cfg, run))(EvalTarget(sample, reference, Reals(data, other, n), facts, gan, data))


def data_of(path: Path, made_by: DictConfig, moved: DictConfig) -> "Data":
    """The data set that a checkpoint was trained on, and no other."""
    from hydra.utils import instantiate

    from gan_lab.training import checkpoint

    for key, value in moved.items():
        OmegaConf.update(made_by, f"data.{key!s}", value, force_add=True)
    data: Data = instantiate(made_by.data)
    data.prepare_data()
    data.setup()
    checkpoint.check_data(path, data)
    return data


def judge_files(cfg: DictConfig) -> "EvalResult":
    """The record of images made elsewhere."""
    from gan_lab.errors import InputError
    from gan_lab.evaluation.evaluator import EvalTarget, Evaluator
    from gan_lab.evaluation.source import Files

    if cfg.b is None:
        raise InputError("compared with what? Give b=FOLDER beside a=, or an .npz with mu and sigma")
    sample = Files(Path(cfg.a).expanduser())
    reference = place(cfg.b, sample.shape)
    cfg.eval.seeds = [0]  # these images have none
    choice = cfg.get("extractor") or OmegaConf.create({"_target_": "gan_lab.evaluation.extractor.inception.Inception"})
    facts = {"a": cfg.a, "b": cfg.b}
    return Evaluator(cfg, choice, folder(cfg, None))(EvalTarget(lambda seed: sample, reference, None, facts))


def place(name: str, shape: tuple[int, ...]) -> "Files | Path":
    """Images of this shape that lie somewhere, or the path of their mean and covariance."""
    from gan_lab.evaluation.source import Files, is_statistics, must_fit

    path = Path(name).expanduser()
    if is_statistics(path):
        return path
    files = Files(path)
    must_fit(shape, files.shape, path)
    return files


def folder(cfg: DictConfig, run: Path | None) -> Path:
    """Where the record and the pictures go."""
    from hydra.core.hydra_config import HydraConfig

    name = HydraConfig.get().runtime.choices["eval"]
    if cfg.out:
        return Path(cfg.out)
    if run is None:
        return Path("evaluation") / name
    return (run if run.is_dir() else run.parent) / "evaluation" / name


if __name__ == "__main__":
    main()
