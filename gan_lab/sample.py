"""Sample from a trained GAN: ``python -m gan_lab.sample run=outputs/dcgan-digits/DATE_TIME``."""

from pathlib import Path

from omegaconf import DictConfig

from gan_lab.cli.command import check_place, command
from gan_lab.errors import InputError, pick
from gan_lab.run_folder import find_checkpoint


def main() -> None:
    """Run the command."""
    command("sample", sample)


def sample(cfg: DictConfig) -> None:
    """Let a mode arrange samples and a format write them, or let the mode draw a figure."""
    import torch
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from gan_lab import atomic
    from gan_lab.cli import console
    from gan_lab.sampling.mode import FigureMode, unread
    from gan_lab.sampling.request import SampleRequest, check_memory
    from gan_lab.sampling.run import TrainedRun
    from gan_lab.training import checkpoint

    if cfg.run is None:
        raise InputError("run= is missing: give run=outputs/MODEL-DATA/DATE_TIME, or run=FILE.ckpt")
    pick({"best": 0, "last": 0}, cfg.checkpoint, "checkpoint")
    name, mode, form = HydraConfig.get().runtime.choices["mode"], instantiate(cfg.mode), instantiate(cfg.format)
    form.check(mode, name)
    for option in unread(mode, HydraConfig.get().overrides.task):
        raise InputError(f"mode={name} does not read {option}=: leave it out, or choose a mode that does")
    path = find_checkpoint(cfg.run, cfg.checkpoint)
    gan, made_by = checkpoint.load(path, trusted=cfg.trust)
    device = torch.device(cfg.device)
    run = TrainedRun(path, made_by, cfg.data, cfg.trust, device, cfg.batch_size)
    check_memory(
        mode.count(cfg.n, cfg.steps), run.shape, f"n={cfg.n}" + (f" steps={cfg.steps}" if "steps" in mode.reads else "")
    )
    shared = {key: cfg[key] for key in ("n", "steps", "seed", "classes", "truncation", "ema", "batch_size", "image")}
    request = SampleRequest(
        gan.to(device).requires_grad_(False), name, display=checkpoint.display_of(made_by), run=run, **shared
    )
    folder = Path(cfg.out) if cfg.out else (Path(cfg.run) if Path(cfg.run).is_dir() else path.parent) / "generated" / name
    check_place(str(folder), "out")
    if isinstance(mode, FigureMode):
        mode.check(request)
        folder.mkdir(parents=True, exist_ok=True)
        written = mode(request, folder)
    else:
        if form.many_files and not cfg.out:
            folder /= f"seed{cfg.seed}"
        form.check_samples(run.shape)
        form.check_folder(folder)
        sheet = mode(request)
        folder.mkdir(parents=True, exist_ok=True)
        written = form(sheet, request, folder)
        if sheet.facts:
            atomic.write_json(folder / f"{name}-seed{cfg.seed}.json", sheet.facts)
    console.say(f"{path} at {gan.images_seen:,} images -> {written}")


if __name__ == "__main__":
    main()
