"""Transfer learning: start with the weights of another run (``init_from=``), as far as they fit."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.model.gan import GAN
from gan_lab.run_folder import find_checkpoint
from gan_lab.training import checkpoint

NETWORKS = ("generator", "discriminator", "generator_ema")
SHOWN = 5
LEAST = 0.01
"""Share of a network's weights: of two different networks a bias or a table may match by chance."""


@dataclass
class Transfer:
    """The share of a network that was taken from a checkpoint.

    Attributes:
        network: its name.
        taken: number of weights taken.
        total: number of weights.
        left: why a tensor stays as it was made, by its name.
    """

    network: str
    taken: int
    total: int
    left: dict[str, str]

    def __str__(self) -> str:
        """Say it in a line."""
        more = [f"and {len(self.left) - SHOWN} more"] if len(self.left) > SHOWN else []
        names = [f"{name} ({why})" for name, why in list(self.left.items())[:SHOWN]]
        left = "; as made: " + ", ".join([*names, *more]) if self.left else ""
        return f"{self.network}: {self.taken:,} of {self.total:,} weights taken{left}"


def resolve(cfg: DictConfig) -> None:
    """Write the file that ``init_from`` names into the configuration, where a run is told by it; refuse what cannot be."""
    if cfg.init_from is not None:
        cfg.init_from = str(find_checkpoint(cfg.init_from).absolute())
    elif cfg.model.get("freeze_d"):
        raise InputError(
            f"model.freeze_d={cfg.model.freeze_d} would keep random weights: give init_from=RUN, the folder or checkpoint of a "
            "trained run"
        )


def take(gan: GAN, path: Path) -> list[Transfer]:
    """Take the weights and buffers of G, D and G's average whose name and shape match; all else stays as it was made.

    Names alone say which layers belong together: a network that numbers its layers from the image keeps those next to the
    image at another size, one that numbers them from the first map those of the small maps.

    Raises:
        InputError: nothing matches, or not what is frozen.
    """
    stored = checkpoint.read(path)["state_dict"]
    found = [_take(name, getattr(gan, name), stored) for name in NETWORKS]
    if all(transfer.taken < LEAST * transfer.total for transfer in found):
        raise InputError(
            f"'{path}' has next to no weight of the name and shape of one of this command's networks: give the model=, the "
            "network= and the size of images of that run, which its config.yaml names"
        )
    if random := sorted(gan.frozen_weights & found[1].left.keys()):
        raise InputError(
            f"model.freeze_d would keep the discriminator's {random[0]} random ({found[1].left[random[0]]}): freeze fewer "
            "blocks, or choose the network= of that run"
        )
    return found


def _take(name: str, network: nn.Module, stored: dict[str, Tensor]) -> Transfer:
    own, left = network.state_dict(), {}
    for key, value in own.items():
        if not isinstance(value, Tensor):  # state of another kind, such as the level of a network that grows
            continue
        if (source := stored.get(f"{name}.{key}")) is None:
            left[key] = "not there"
        elif source.shape != value.shape:
            left[key] = f"{_x(source)} there, {_x(value)} here"
        else:
            own[key] = source
    network.load_state_dict(own)
    weights = {key: weight.numel() for key, weight in network.named_parameters()}
    taken = sum(number for key, number in weights.items() if key not in left)
    return Transfer(name, taken, sum(weights.values()), left)


def _x(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
