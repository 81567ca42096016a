"""Types and ranges of options of libraries, where they are narrower than the hints of their own constructors."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from annotated_types import DocInfo, Len

from gan_lab.cli.groups import TargetNode
from gan_lab.ranges import BelowOne, Count, NonNegative, Text, Whole

LogLevel = Literal["CRITICAL", "FATAL", "ERROR", "WARNING", "WARN", "INFO", "DEBUG", "NOTSET"] | Whole


class LogSource(TypedDict, total=False):
    """A logger of Python's logging."""

    level: LogLevel
    handlers: Sequence[Text]
    propagate: bool


class Logging(TypedDict, total=False):
    """A configuration of Python's logging."""

    version: Literal[1]
    root: LogSource
    loggers: Mapping[str, LogSource] | None
    handlers: Mapping[str, LogSource] | None
    disable_existing_loggers: bool


class HydraKeys(TypedDict, total=False):
    """Keys of Hydra's own node that it does not check, and fails at by a traceback."""

    verbose: bool | Text | Sequence[Text]
    hydra_logging: Logging
    job_logging: Logging
    callbacks: Mapping[str, TargetNode]


class TorchOptimizer(TypedDict, total=False):
    """Ranges of torch.optim, as its constructors check them when the networks have been built."""

    lr: NonNegative
    betas: Annotated[Sequence[BelowOne], Len(2, 2)]
    eps: NonNegative
    alpha: BelowOne
    momentum: NonNegative
    dampening: float
    weight_decay: NonNegative


class Trainer(TypedDict, total=False):
    """Options of lightning.Trainer that a run of ours decides."""

    precision: Any  # Lightning lists them better than its own hint
    max_epochs: Annotated[Literal[-1], DocInfo("-1 (the length of a run is max_images, max_g_steps or max_epochs)")]
    check_val_every_n_epoch: Annotated[None, DocInfo("null (the cadence is val_every_images)")]
    benchmark: Annotated[None, DocInfo("null (it is speed.cudnn_benchmark)")]
    use_distributed_sampler: Annotated[Literal[False], DocInfo("false (the sampler of gan_lab does the sharding)")]
    num_nodes: Count


LIBRARIES: dict[str, type] = {"torch.optim": TorchOptimizer, "lightning.pytorch.trainer": Trainer}
"""Module -> its options, where they are narrower than its own hints."""
