"""Types and ranges of what no constructor states: the keys of the commands, as in ``conf/COMMAND.yaml``, and of libraries."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from annotated_types import DocInfo, Ge, Len, MinLen

from gan_lab.ranges import (
    AtLeastTwo,
    BelowOne,
    Count,
    Device,
    Fraction,
    NonNegative,
    Positive,
    Processes,
    Rows,
    Size,
    Text,
    Whole,
)

Names = str | Sequence[Text]


class TargetNode:
    """Stands for the object that a ``_target_`` makes, where a value is checked."""


class ClipGradNorm(TypedDict):
    """The largest norm of each network's gradient."""

    g: NonNegative | None
    d: NonNegative | None


class Players(TypedDict):
    """The group ``network``."""

    generator: TargetNode
    discriminator: TargetNode


class Optimizers(TypedDict):
    """The group ``optimizer``."""

    g: TargetNode
    d: TargetNode


class Speed(TypedDict):
    """The group ``speed``."""

    precision: str | int
    channels_last: bool
    fused: bool
    compile: bool
    capture: NotRequired[bool]  # configurations of version 0.1 have none of these
    cudnn_benchmark: NotRequired[bool]
    tf32: NotRequired[bool | Literal["auto"] | None]


class Groups(TypedDict, total=False):
    """Groups of the parts of a run, each a node for each part; ``none`` leaves them out."""

    metric: Mapping[str, TargetNode] | None
    extractor: Mapping[str, TargetNode] | None
    penalty: Mapping[str, TargetNode] | None
    regularizer: Mapping[str, TargetNode] | None
    augment: Mapping[str, TargetNode] | None
    trick: Mapping[str, TargetNode] | None
    schedule: TargetNode
    display: TargetNode
    logger: TargetNode | Mapping[str, TargetNode] | None
    launcher: None
    hparams_search: None
    sweep: None
    experiment: Any  # what a model needs for it, in its place already


class TrainKeys(Groups):
    """Keys of ``gan_lab.train``."""

    model: TargetNode
    data: TargetNode
    network: Players
    optimizer: Optimizers
    callback: Mapping[str, TargetNode]
    trainer: TargetNode
    speed: Speed
    seed: int
    class_names: NotRequired[Sequence[str | int | float | bool] | None]
    max_images: Count | None
    max_g_steps: Count | None
    max_epochs: Positive | None
    max_hours: NonNegative | None
    total_images: Count | None
    val_every_images: Count | None
    sample_every_images: Count | None
    checkpoint_every_images: Count | None
    log_every_steps: Count
    primary: Text | None
    primary_mode: Literal["min", "max"] | None
    accumulate: Count
    clip_grad_norm: ClipGradNorm
    resume: Text | None
    init_from: Text | None
    trust: Names
    folder: Text | None


class BenchmarkSteps(TypedDict):
    """Lengths of a measurement of steps."""

    settings: Names | None
    seconds: Positive
    steps: Count | None
    rounds: Count | None
    warmup: Count
    out: Text


class BenchmarkKeys(TrainKeys):
    """Keys of ``gan_lab.benchmark``."""

    benchmark: BenchmarkSteps


class CheckOptions(TypedDict):
    """Sizes of a check."""

    steps: Count
    width: Size
    depth: Size
    fake: Mapping[str, int]
    rank_folder: Text | None


class CheckKeys(BenchmarkKeys):
    """Keys of ``gan_lab.check``."""

    only: Text | None
    check: CheckOptions


class BenchmarkDataOptions(TypedDict):
    """Lengths of a measurement of data."""

    images: Annotated[Rows, Ge(10)]
    seconds: NonNegative
    rounds: Count
    workers: Annotated[Processes, Ge(1)] | None
    out: Text


class BenchmarkDataKeys(TrainKeys):
    """Keys of ``gan_lab.benchmark_data``."""

    benchmark: BenchmarkDataOptions


class PrepareOptions(TypedDict):
    """How images are decoded."""

    workers: Processes | None
    chunk: Count
    verify: bool


class PrepareKeys(TrainKeys):
    """Keys of ``gan_lab.prepare``."""

    prepare: PrepareOptions


class Eval(TypedDict):
    """The group ``eval``."""

    reference: Text
    num_reference: Annotated[Rows, Ge(2)] | None
    num_fake: Annotated[Rows, Ge(2)] | None
    seeds: Annotated[Sequence[int], MinLen(1)]
    save_images: Text | None
    save_statistics: Text | None


class EvaluateKeys(Groups):
    """Keys of ``gan_lab.evaluate``."""

    eval: Eval
    run: Text | Annotated[Sequence[Text], MinLen(1)] | None
    samples: Text | None
    reference: Text | None
    checkpoint: Text
    ema: bool
    truncation: NonNegative | None
    data: Mapping[str, Any]
    batch_size: Count
    device: Device
    trust: Names
    format: Text
    overwrite: bool
    out: Text | None


class SampleKeys(TypedDict):
    """Keys of ``gan_lab.sample``."""

    run: Text | None
    checkpoint: Text
    format: Text
    n: Count
    steps: Annotated[Size, Ge(2)]
    classes: Annotated[Sequence[int | Text], MinLen(1)] | None
    truncation: NonNegative | None
    seed: Whole
    ema: bool
    batch_size: Count
    device: Device
    trust: Names
    out: Text | None


class ExportKeys(TypedDict):
    """Keys of ``gan_lab.export``."""

    run: Text | None
    checkpoint: Text
    format: Text | Annotated[Sequence[Text], MinLen(1)]
    ema: bool
    truncation: NonNegative | None
    trust: Names
    out: Text | None
    push_to_hub: Text | None
    license: Text | None


class ReportKeys(TypedDict):
    """Keys of ``gan_lab.report``."""

    runs: Names | None
    out: Text
    max_grids: Whole


class DataAlone(Groups):
    """Groups of a command that reads data and trains no GAN: what data choose beside themselves is unused."""

    data: TargetNode
    network: Players


class SensitivityKeys(DataAlone):
    """Keys of ``gan_lab.sensitivity``."""

    seed: int
    num: AtLeastTwo | None
    noise: Sequence[NonNegative]
    blur: Sequence[Positive]
    classes: Sequence[Count]
    batch_size: Count
    device: Device
    out: Text


class ImportWeightsKeys(DataAlone):
    """Keys of ``gan_lab.import_weights``."""

    format: Text
    file: Text | None
    out: Text | None
    seed: int


class TrainExtractorKeys(DataAlone):
    """Keys of ``gan_lab.train_extractor``."""

    epochs: Annotated[float, Ge(1)]
    batch_size: Count
    max_lr: NonNegative
    label_smoothing: Fraction
    seed: int
    device: Device


class BenchmarkFrechetKeys(TypedDict):
    """Keys of ``gan_lab.benchmark_frechet``."""

    d: Size
    reals: Annotated[Rows, Ge(2)]
    decay: Sequence[NonNegative]
    samples: Sequence[Annotated[Rows, Ge(2)]]
    repeats: Count
    out: Text


class ListKeys(TypedDict):
    """Keys of ``gan_lab.list``."""

    group: Text | None
    format: Text


COMMANDS: dict[str, type] = {
    "train": TrainKeys,
    "benchmark": BenchmarkKeys,
    "check": CheckKeys,
    "benchmark_data": BenchmarkDataKeys,
    "prepare": PrepareKeys,
    "evaluate": EvaluateKeys,
    "sample": SampleKeys,
    "export": ExportKeys,
    "import_weights": ImportWeightsKeys,
    "report": ReportKeys,
    "sensitivity": SensitivityKeys,
    "train_extractor": TrainExtractorKeys,
    "benchmark_frechet": BenchmarkFrechetKeys,
    "list": ListKeys,
}


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
