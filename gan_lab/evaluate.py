"""What trained GANs are worth: ``python -m gan_lab.evaluate run=outputs/dcgan-digits/DATE_TIME eval=quick``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from gan_lab.command import command

if TYPE_CHECKING:
    from gan_lab.score.record import Record

DEFAULT = 2000
"""Samples where neither ``eval.num_fake`` nor the number of held-out reals says less."""


def main() -> None:
    """The command."""
    command("evaluate", evaluate)


def evaluate(cfg: DictConfig) -> None:
    """Judge every run, or the images of two places; write a ``metrics.json`` each and print a table."""
    from gan_lab import console
    from gan_lab.errors import InputError, pick, require
    from gan_lab.score import extract, record

    console.quiet()
    require(cfg, {"batch_size": 1}, int)
    pick({"best": 0, "last": 0}, cfg.checkpoint, "checkpoint")
    pick(record.FORMATS, cfg.format, "format")
    if (cfg.run is None) == (cfg.a is None):
        raise InputError("what is to be judged? Give run=outputs/MODEL-DATA/DATE_TIME or run=FILE.ckpt; or a=FOLDER b=FOLDER")
    with extract.processes(cfg.device):
        records = [judge_run(path, cfg) for path in runs(cfg.run)] if cfg.run is not None else [judge_files(cfg)]
        if extract.process()[0] == 0:
            record.show(records, cfg.format)


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


def judge_run(run: Path, cfg: DictConfig) -> "Record":
    """The record of one checkpoint: samples of every seed, and held-out reals in their place as the floor."""
    from hydra.utils import instantiate

    from gan_lab import checkpoint
    from gan_lab.data.prepared import sha256
    from gan_lab.errors import InputError
    from gan_lab.score.judge import Judge, Subject
    from gan_lab.score.source import Generated, Reals

    path = checkpoint.find(run, cfg.checkpoint)
    gan, made_by = checkpoint.load(path)
    for key, value in cfg.data.items():
        OmegaConf.update(made_by, f"data.{key}", value, force_add=True)
    choice = cfg.get("extractor") or OmegaConf.select(made_by, "metric.extractor")
    if choice is None:
        raise InputError(f"'{run}' was trained without an extractor: choose extractor=inception, or another of --help")
    judge, data = Judge(cfg, choice, folder(cfg, run)), instantiate(made_by.data)
    gan.to(cfg.device)
    data.prepare_data()
    data.setup()
    options, is_split = cfg.eval, cfg.eval.reference in ("train", "held_out")
    split, other = ("held_out", "train") if options.reference == "held_out" else ("train", "held_out")
    n = options.num_fake or min(len(Reals(data, other)), DEFAULT)
    reference = Reals(data, split, options.num_reference or n if split == other else options.num_reference)
    facts = {
        "run": str(run),
        "checkpoint": str(path),
        "checkpoint_sha256": sha256(path),
        "images_seen": gan.images_seen,
        "resolution": made_by.data.image_size,
        "channels": made_by.data.channels,
        "split": split if is_split else None,
        "ema": cfg.ema,
        "batch_norm": "running statistics",
        "truncation": None,
        "dtype": "float32",
    }
    samples = lambda seed: Generated(gan, n, seed, cfg.ema)  # noqa: E731
    return judge(Subject(samples, reference if is_split else Path(options.reference), Reals(data, other, n), facts, gan, data))


def judge_files(cfg: DictConfig) -> "Record":
    """The record of images made elsewhere."""
    from gan_lab.errors import InputError
    from gan_lab.score.judge import Judge, Subject
    from gan_lab.score.source import Files, is_statistics

    if cfg.b is None:
        raise InputError("compared with what? Give b=FOLDER beside a=, or an .npz with mu and sigma")
    a, b = (Path(path).expanduser() for path in (cfg.a, cfg.b))
    sample, reference = Files(a), b if is_statistics(b) else Files(b)
    if isinstance(reference, Files):
        reference.must_fit(sample)
    cfg.eval.seeds = [0]  # these images have none
    choice = cfg.get("extractor") or OmegaConf.create({"_target_": "gan_lab.extractor.inception.Inception"})
    facts = {"a": str(a), "b": str(b), "resolution": sample.shape[-1], "channels": sample.shape[0]}
    sets = [files for files in (sample, reference) if isinstance(files, Files)]
    lossy = [f"'{files.path}' holds JPEG files, whose artefacts a score sees" for files in sets if files.lossy]
    return Judge(cfg, choice, folder(cfg, None))(Subject(lambda seed: sample, reference, None, facts, notes=lossy))


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
