"""Build a GAN from a configuration, for `train`, `checkpoint` and `benchmark` alike."""

import inspect
from functools import partial
from typing import Any

import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from gan_lab.data.module import Data
from gan_lab.errors import InputError, first_line
from gan_lab.model.gan import GAN
from gan_lab.network.equalized import MinibatchStd
from gan_lab.rng import key

PARTS = ("network", "model", "optimizer", "schedule", "penalty", "regularizer", "augment", "trick")
"""Groups of the configuration that a GAN is built from."""


def build(cfg: DictConfig) -> GAN:
    """Return the GAN that ``cfg`` describes; its initial weights are a function of ``cfg.seed`` alone."""
    fused = cfg.speed.fused and cfg.trainer.precision != "16-mixed"  # its scale would still be on what is clipped and recorded
    with torch.random.fork_rng():
        torch.manual_seed(key(cfg.seed))
        generator = _network(cfg, "generator")
        discriminator = _network(cfg, "discriminator", **_label_channels(cfg))
        try:
            gan = instantiate(cfg.model, _partial_=True, _convert_="all")(
                generator=generator,
                discriminator=discriminator,
                g_optimizer=_optimizer(cfg.optimizer.g, fused),
                d_optimizer=_optimizer(cfg.optimizer.d, fused),
                schedule=instantiate(cfg.schedule),
                penalties=_named(cfg.get("penalty")),
                regularizers=_named(cfg.get("regularizer")),
                augments=_named(cfg.get("augment")),
                tricks=_named(cfg.get("trick")),
            )
        except RuntimeError as error:  # a backend's, such as oneDNN's of a transposed convolution of one channel
            raise InputError(f"the networks cannot run in these sizes: {first_line(error)}") from error
    gan.class_names = tuple(cfg.get("class_names") or ())
    try:
        gan.configure_optimizers()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the optimizer cannot be made: {error}") from error
    if cfg.speed.channels_last:
        gan.to(memory_format=torch.channels_last)
    if cfg.speed.compile:
        _compile(gan)
    return gan


def check_clipping(gan: GAN) -> None:
    """Refuse a limit of the gradient of a network that this model does not train."""
    names = [network.name for network in gan.trained_networks()]
    for name in gan.clip_grad_norm:
        if name not in names:
            raise InputError(f"clip_grad_norm.{name} is of no network that this model trains: it has {', '.join(names)}")


def check_batches(gan: GAN, batch_size: int) -> None:
    """Refuse batches, those of later levels of growth too, that D's minibatch statistics do not divide."""
    sizes = [batch_size, *(gan.growth.batch_sizes.values() if gan.growth else ())]
    for module in gan.discriminator.modules():
        for size in sizes if isinstance(module, MinibatchStd) else ():
            module.check(size // gan.accumulate)


def build_data(cfg: DictConfig) -> Data:
    """Return the data module that ``cfg`` describes; refuse one that lacks what a run asks of it."""
    data = instantiate(cfg.data)
    if not isinstance(data, Data):
        raise InputError(
            f"{cfg.data._target_} is no gan_lab.data.module.Data, whose order of samples an exact resume needs: give its data "
            "sets as train and held_out of Data, or train without a command, by lightning.Trainer"
        )
    return data


def _network(cfg: DictConfig, player: str, **given: Any) -> nn.Module:
    """Return a network; refuse data or an option that it does not take, with the remedy."""
    choice = cfg.network[player]
    name = choice._target_.split(".")[-2]
    _check_shape(cfg.data, get_object(choice._target_), name)
    takes = inspect.signature(instantiate(choice, _partial_=True, _recursive_=False).func).parameters
    for option in map(str, choice):
        if option != "_target_" and option not in takes:
            raise InputError(f"network={name} does not take {option}, which the model chooses: add ~network.{player}.{option}")
    return instantiate(choice, **given)


def _check_shape(data: DictConfig, network: Any, name: str) -> None:
    """Refuse data that are no images for a network of images, and images that are not square for one of squares."""
    takes_shape = "shape" in inspect.signature(network).parameters
    shape, size = data.get("shape"), data.get("image_size")
    remedy = "network=dcgan, resnet or mlp"
    if shape is not None and len(shape) < 3 and not takes_shape:
        kinds = {1: "vectors: use network=mlp", 2: "signals: use network=conv1d, or network=mlp"}
        size = "x".join(map(str, shape))
        raise InputError(f"network={name} makes images, and samples of {size} are {kinds[len(shape)]}")
    sides = shape[1:] if shape is not None and len(shape) == 3 else size if OmegaConf.is_list(size) else []
    if len({*sides}) > 1 and not takes_shape and not getattr(network, "takes_rectangles", False):
        size = "x".join(map(str, sides))
        raise InputError(f"network={name} makes square images, and {size} are not: use {remedy}, or give data.image_size=SIDE")


def _label_channels(cfg: DictConfig) -> dict[str, Any]:
    """Return the channels of D with those of the labels, for a model that adds some to the image's."""
    extra, shape = cfg.model.get("label_channels", 0), cfg.network.discriminator.get("shape")
    if extra and shape is not None:
        return {"shape": [shape[0] + extra, *shape[1:]]}
    if extra and "channels" not in cfg.network.discriminator:
        raise InputError(
            f"this model adds {extra} channels of labels to D's input, and network.discriminator takes no channels: give it "
            "that option, or use model=projection"
        )
    return {"channels": cfg.network.discriminator.channels + extra} if extra else {}


def _named(choices: DictConfig | None) -> dict[str, nn.Module]:
    """Return the modules of a group of which several may be chosen, by name."""
    return {str(name): instantiate(choice) for name, choice in (choices or {}).items()}


def _optimizer(choice: DictConfig, fused: bool) -> partial[Any]:
    optimizer = instantiate(choice, _convert_="all")
    if fused and "fused" in inspect.signature(optimizer.func).parameters:
        return partial(optimizer, fused=True)
    return optimizer


def _compile(gan: GAN) -> None:
    """Compile in place, which keeps the names of the weights (a wrapper would rename them in checkpoints).

    A compiled D has no second derivatives (pytorch#91469): under a penalty it stays as it is.
    """
    gan.generator.compile()
    if not len(gan.penalties):
        gan.discriminator.features = torch.compile(gan.discriminator.features)  # a step calls the two parts, not forward
