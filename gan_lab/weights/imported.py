"""A run folder of public weights, which `gan_lab.sample`, `gan_lab.evaluate` and `gan_lab.export` take."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch import Tensor, nn

from gan_lab import atomic
from gan_lab.cli.compose import compose, composer
from gan_lab.errors import InputError, first_line, pick
from gan_lab.run_folder import RunFolder
from gan_lab.training import checkpoint
from gan_lab.training.build import build
from gan_lab.training.config import finalize_config
from gan_lab.weights import pytorch_dcgan, r3gan, stylegan2

FORMATS: Mapping[str, ModuleType] = {"pytorch_dcgan": pytorch_dcgan, "r3gan": r3gan, "stylegan2": stylegan2}
"""Modules with ``options(state)`` of gan_lab.train and ``weights(state)`` by the names of its generator."""


def import_weights(cfg: DictConfig) -> None:
    """Write ``config.yaml`` and ``checkpoints/best.ckpt`` of a generator into the folder ``out``."""
    layout = pick(FORMATS, cfg.format, "format")
    for key, example in (("file", "netG.pth"), ("out", "outputs/imported")):
        if cfg[key] is None:
            raise InputError(f"{key}= is missing: give {key}={example}")
    run = RunFolder(cfg.out)
    if (run.checkpoints / "best.ckpt").exists():
        raise InputError(f"'{cfg.out}' holds a checkpoint already: give another out=")
    state = read(Path(cfg.file))
    data = [f"data={HydraConfig.get().runtime.choices['data']}"]
    data += [each for each in HydraConfig.get().overrides.task if each.lstrip("+~").startswith("data.")]
    try:
        overrides = [*data, *layout.options(state)]
    except InputError as error:
        raise InputError(f"'{cfg.file}' is no state dict of format={cfg.format}: {error}") from error
    with composer() as app:
        app.composed = None  # this command's own configuration, which stands for any until here
        made = compose("train", overrides)
    finalize_config(made, 1, made.data.batch_size, run.path)
    gan = build(made)
    for generator in (gan.generator, gan.generator_ema):
        take(generator, layout.weights(state), cfg.file)
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    content = {"format": checkpoint.FORMAT, "config": OmegaConf.to_container(made), "overrides": overrides, "callbacks": {},
               "state_dict": gan.state_dict(), "optimizer_states": [], "lr_schedulers": [], "loops": {}, "global_step": 0,
               "trained_on": {}, "rows": None}  # fmt: skip
    torch.save(content, file := io.BytesIO())
    with atomic.replacing(run.checkpoints / "best.ckpt") as partial:
        partial.write_bytes(file.getbuffer())
    atomic.write_text(run.config, OmegaConf.to_yaml(made, resolve=True))
    Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(
        f"{cfg.file} -> {cfg.out} ({' '.join(overrides)}); its discriminator is untrained"
    )


def read(path: Path) -> dict[str, Tensor]:
    """Return a state dict of tensors, as plain data; without the prefix that DataParallel adds."""
    if not path.is_file():
        raise InputError(
            f"there is no file '{path}': give file= a state dict, as torch.save(netG.state_dict(), FILE) writes it"
        )
    load = _loader(path)
    try:
        state = load(path)
    except Exception as error:  # a broken file fails in many ways
        raise InputError(
            f"'{path}' is no file of tensors ({first_line(error).rstrip('.')}): a pickle of code is not read; where that code "
            "runs, write torch.save(G.state_dict(), FILE)"
        ) from error
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"'{path}' is no state dict of tensors: write torch.save(netG.state_dict(), FILE)")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def _loader(path: Path) -> Callable[[Path], Any]:
    """Return the function that reads a file, of torch or of safetensors."""
    if path.suffix != ".safetensors":
        return partial(torch.load, map_location="cpu", weights_only=True)
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise InputError(f"'{path}' needs the package safetensors: pip install 'gan_lab[export]'") from error
    return load_file


def take(network: nn.Module, weights: Mapping[str, Tensor], source: object) -> None:
    """Load weights; name the first that is missing, unknown or of another shape."""
    own = {name: value.shape for name, value in network.state_dict().items()}
    for name in [*own, *weights]:
        here, there = own.get(name), weights[name].shape if name in weights else None
        if here != there and not (there is None and name.endswith("num_batches_tracked")):
            forms = ["x".join(map(str, form)) if form is not None else "none" for form in (there, here)]
            raise InputError(
                f"'{source}' does not fit: {name} is {forms[0]} there and {forms[1]} in the network that it describes"
            )
    network.load_state_dict(network.state_dict() | dict(weights))
