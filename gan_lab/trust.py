"""What a configuration from a file may call: parts of gan_lab, a few of torch's and torchvision's, modules that a person names.

A checkpoint or a run folder may come from a stranger, and Hydra calls whatever stands at ``_target_``.
"""

import re
import sys
from collections.abc import Collection, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lab.errors import InputError, first_line

ROOMS = ("augment", "callback", "data", "evaluation", "growth", "latents", "logger", "logit_penalties", "losses", "model",
         "network", "optimizers", "penalties", "plot", "profiler", "regularizers", "schedules", "trick")  # fmt: skip
"""Where the classes of gan_lab lie that a configuration names."""

FUNCTIONS = {
    "gan_lab.data.arrays.sampled", "gan_lab.data.digits.digits", "gan_lab.data.images.fake", "gan_lab.data.letters.letters",
    "gan_lab.data.patches.patches", "gan_lab.data.points.dirac",
    "gan_lab.data.points.grid", "gan_lab.data.points.ring", "gan_lab.latents.normal", "gan_lab.latents.sphere",
    "gan_lab.latents.uniform", "gan_lab.logger.tensorboard.tensorboard_logger", "gan_lab.logger.wandb.wandb_logger",
    "gan_lab.losses.kl_g", "gan_lab.losses.non_saturating_g", "gan_lab.losses.saturating_g",
}  # fmt: skip
"""Its functions that a configuration names: others write files."""

GET_METHOD = "hydra.utils.get_method"
"""Returns what ``path`` names, without calling it."""

LIBRARIES = {
    GET_METHOD,
    "lightning.Trainer",
    *(f"torch.optim.{name}" for name in ("ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam",
                                         "RMSprop", "Rprop", "SGD")),
    *(f"torch.nn.{name}" for name in ("ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh")),
    *(f"torchvision.datasets.{name}" for name in ("CIFAR10", "CIFAR100", "FashionMNIST", "MNIST", "STL10", "SVHN")),
}  # fmt: skip

INTERPOLATION = re.compile(r"\$\{(?:\.*[\w.\[\]]+|(?:combinations|oc\.env|oc\.select|run_name|sample_latents):[\w., /~-]*)\}")
"""What may stand in a value: another value of the configuration, or one of our resolvers with plain arguments."""


def check(config: Any, source: object, trust: Collection[str] = (), parts: Collection[str] | None = None) -> None:
    """Refuse a configuration from a file that names what it may not.

    Args:
        config: plain data or a `DictConfig`, with its interpolations.
        source: the file.
        trust: modules, by their first name, that the person who runs the command vouches for.
        parts: its keys that are about to be instantiated; None: all.

    Raises:
        InputError: it names other code, or computes a value in another way than the configurations of gan_lab do.
    """
    cfg = config if isinstance(config, DictConfig) else OmegaConf.create(config)
    for key, text in _texts(OmegaConf.to_container(cfg)):
        if "${" in _plain(text) or (key.endswith("_target_") and "${" in text):
            raise InputError(f"'{source}' computes {key} by {text}, which no configuration of gan_lab does")
    chosen = [part for part in (cfg if parts is None else parts) if part in cfg]
    try:
        nodes = {str(part): cfg[part] for part in chosen}
        resolved = {
            part: OmegaConf.to_container(node, resolve=True) for part, node in nodes.items() if OmegaConf.is_config(node)
        }
    except OmegaConfBaseException as error:
        raise InputError(f"the configuration in '{source}' cannot be read: {first_line(error)}") from error
    for key, target in _targets(resolved):
        _check_target(key, target, source, [trust] if isinstance(trust, str) else trust)


def modules(config: Any) -> set[str]:
    """Return the first names of the modules outside gan_lab and `LIBRARIES` that a configuration of one's own names."""
    plain = OmegaConf.to_container(config) if OmegaConf.is_config(config) else config
    named = {str(target) for _, target in _targets(plain)}
    return {target.partition(".")[0] for target in named - LIBRARIES} - {"gan_lab"}


def _check_target(key: str, target: Any, source: object, trust: Collection[str]) -> None:
    first, *rooms = str(target).split(".")
    if not isinstance(target, str) or not rooms:
        raise InputError(f"'{source}' has {target} at {key}, which is no module.name")
    if target in LIBRARIES:
        return
    if first != "gan_lab" and first not in trust:
        raise InputError(
            f"'{source}' asks for {target} at {key}, and a file calls no code but gan_lab's: if that module is yours, or you "
            f"have read it, add trust=[{first}]"
        )
    if first not in sys.modules and find_spec(first) is None:
        raise InputError(
            f"'{source}' needs your module {first}, which is not found here: run this command in the folder that holds it, or "
            "put that folder on PYTHONPATH"
        )
    if first == "gan_lab" and (rooms[0] not in ROOMS or any(name.startswith("_") for name in rooms)):
        raise InputError(f"'{source}' asks for {target} at {key}, which no configuration of gan_lab does")
    _check_origin(key, target, first, source)


def _check_origin(key: str, target: str, module: str, source: object) -> None:
    """Refuse what a module only imports, such as ``my_gan.os.system``, and functions of gan_lab that are no part of a run."""
    home, _, name = target.rpartition(".")
    try:
        found = getattr(import_module(home), name, None)
    except Exception as error:  # any code may stand in a user's module
        if not (isinstance(error, ModuleNotFoundError) and error.name == home):
            raise ImportError(f"Error loading '{target}'") from error  # as Hydra says it, which a command explains
        found = None
    if str(getattr(found, "__module__", "")).partition(".")[0] != module or not callable(found):
        raise InputError(f"'{source}' asks for {target} at {key}, which {module} does not define")
    if module == "gan_lab" and not isinstance(found, type) and target not in FUNCTIONS:
        raise InputError(f"'{source}' asks for {target} at {key}, which no configuration of gan_lab does")


def _targets(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each ``_target_``, and each ``path`` of `GET_METHOD`, with its key."""
    for name, value in _children(node):
        place = f"{key}.{name}" if key else str(name)
        if name == "_target_" or (name == "path" and node.get("_target_") == GET_METHOD):
            yield place, value
        yield from _targets(value, place)


def _texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text, that of a key too, with its key."""
    if isinstance(node, str):
        yield key, node
    for name, value in _children(node):
        yield from ((key, text) for text in (name,) if isinstance(text, str))
        yield from _texts(value, f"{key}.{name}" if key else str(name))


def _children(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list | tuple):
        yield from enumerate(node)


def _plain(text: str) -> str:
    """Return a text without the interpolations that are allowed, the inner ones first."""
    while (shorter := INTERPOLATION.sub("", text)) != text:
        text = shorter
    return text
