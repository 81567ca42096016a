"""Judge trained GANs, or images made elsewhere: ``python -m gan_lab.evaluate run=outputs/dcgan-digits/DATE_TIME``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab.cli.command import check_place, command
from gan_lab.errors import InputError, pick
from gan_lab.run_folder import RunFolder

OF_FILES = {"inception": {"_target_": "gan_lab.evaluation.extractor.inception.Inception"}}
"""Extractor of images made elsewhere, where none is chosen."""

if TYPE_CHECKING:
    from gan_lab.evaluation.evaluator import EvalTarget


def main() -> None:
    """Run the command."""
    command("evaluate", evaluate, precheck=precheck)


def precheck(cfgs: list[DictConfig]) -> None:
    """Refuse, before torch is imported, nothing to judge and extractors that find no weights; a run's own are not known yet."""
    from gan_lab.evaluation.extractor import weights  # not for --help

    for cfg in cfgs:
        check_places(cfg)
    weights.check_reach({"metric": cfg.get("metric"), "extractor": extractors(cfg)} for cfg in cfgs)


def check_places(cfg: DictConfig) -> None:
    """Refuse a command that does not say what is to be compared with what, or writes where it cannot."""
    if cfg.out:
        check_place(cfg.out, "out")
    if (cfg.run is None) == (cfg.samples is None):
        raise InputError(
            "what is to be judged? Give run=outputs/MODEL-DATA/DATE_TIME or run=FILE.ckpt; or samples=FOLDER reference=FOLDER"
        )
    if cfg.run is None and cfg.reference is None:
        raise InputError("compared with what? Give reference=FOLDER beside samples=, or an .npz with mu and sigma")


def extractors(cfg: DictConfig) -> Any:
    """Return the configuration of the extractors that are chosen, or of those for images made elsewhere; None: a run's own."""
    return cfg.get("extractor") or (OF_FILES if cfg.run is None else None)


def evaluate(cfg: DictConfig) -> None:
    """Judge every run, or the images of two places; write a ``metrics.json`` each and print a table."""
    import torch

    from gan_lab.cli import console
    from gan_lab.evaluation import places, result, targets
    from gan_lab.evaluation.evaluator import Evaluator
    from gan_lab.evaluation.extractor import trained
    from gan_lab.evaluation.processes import process, processes
    from gan_lab.evaluation.suite import MetricSuite

    console.quiet()
    check_choices(cfg)
    options = cfg.eval
    name = places.name(HydraConfig.get().runtime.choices["eval"], HydraConfig.get().overrides.task)
    settings: dict[str, Any] = {group: OmegaConf.to_container(cfg[group], resolve=True) for group in ("eval", "metric")}
    settings["eval"] |= dict.fromkeys(("save_images", "save_statistics"))  # where they go decides no value
    made, folders = [], []
    with processes(cfg.device):
        for run in targets.runs(cfg.run) if cfg.run is not None else [None]:
            target, seeds = target_of(cfg, run)
            chosen = trained.with_weights(extractors(cfg) or target.extractors, target.data, target.overrides)
            if not chosen:
                raise InputError(f"'{run}' was trained without an extractor: choose extractor=inception, or another of --help")
            evaluations = RunFolder(target.folder).evaluation
            evaluator = Evaluator(
                MetricSuite(instantiate(cfg.metric), instantiate(chosen)),
                Path(cfg.out or evaluations / name),
                seeds=seeds,
                others=() if cfg.out else sorted(path for path in evaluations.glob("*") if path.is_dir()),
                batch_size=cfg.batch_size,
                device=torch.device(cfg.device),
                overwrite=cfg.overwrite,
                save_images=options.save_images and Path(options.save_images),
                save_statistics=options.save_statistics and Path(options.save_statistics),
                settings=settings,
            )
            made.append(evaluator(target))
            folders.append(evaluator.folder)
        if process()[0] == 0:
            result.show(made, cfg.format, folders)


def target_of(cfg: DictConfig, run: Path | None) -> "tuple[EvalTarget, list[int]]":
    """Return a run to judge, or without one the images of two places, and the seeds of its latents."""
    from gan_lab.evaluation import targets
    from gan_lab.sizes import height_and_width

    size = None if cfg.resize is None else height_and_width(cfg.resize)
    if run is None:
        return targets.of_files(cfg.samples, cfg.reference, size, cfg.strict), [0]  # these images have no seed
    target = targets.of_run(
        run,
        cfg.checkpoint,
        cfg.data,
        cfg.eval.reference,
        cfg.reference,
        cfg.eval.num_fake,
        cfg.eval.num_reference,
        cfg.ema,
        cfg.truncation,
        cfg.trust,
        size,
        cfg.strict,
        cfg.get("extractor"),
    )
    return target, list(cfg.eval.seeds)


def check_choices(cfg: DictConfig) -> None:
    """Refuse unknown words."""
    from gan_lab.evaluation import result

    words = {"checkpoint": ("best", "last"), "eval.reference": ("train", "held_out"), "format": result.FORMATS}
    for key, allowed in words.items():
        pick(dict.fromkeys(allowed), OmegaConf.select(cfg, key), key)


if __name__ == "__main__":
    main()
