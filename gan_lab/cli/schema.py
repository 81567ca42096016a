"""Types and ranges of the keys of each command, as in ``conf/COMMAND.yaml``, which no constructor states."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from annotated_types import Ge, Le, MinLen

from gan_lab.cli.groups import Eval, Groups, Names, Optimizers, Players, Speed, TargetNode
from gan_lab.ranges import (
    AtLeastTwo,
    Count,
    Device,
    Fraction,
    NonNegative,
    Positive,
    Processes,
    Rows,
    Sides,
    Size,
    Text,
    Whole,
)


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
    log_every_steps: Count | None
    primary: Text | None
    primary_mode: Literal["min", "max"] | None
    accumulate: Count
    clip_grad_norm: Mapping[str, NonNegative | None]
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


class EvaluateKeys(Groups):
    """Keys of ``gan_lab.evaluate``."""

    eval: Eval
    run: Text | Annotated[Sequence[Text], MinLen(1)] | None
    samples: Text | None
    reference: Text | None
    resize: Sides | None
    strict: bool
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
    mode: TargetNode
    format: TargetNode
    path: TargetNode
    embedding: TargetNode
    checkpoint: Text
    n: Count
    steps: Annotated[Size, Ge(2)]
    classes: Annotated[Sequence[float | int | Text | Sequence[float]], MinLen(1)] | None  # floats: conditions of model=ccgan
    truncation: NonNegative | None
    image: Text | None
    seed: Whole
    ema: bool
    batch_size: Count
    device: Device
    data: Mapping[str, Any]
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


class ExploreOptions(TypedDict):
    """Where the page is served."""

    port: Annotated[int, Ge(1), Le(65535)] | None
    share: bool


class ExploreKeys(TypedDict):
    """Keys of ``gan_lab.explore``."""

    run: Text | None
    checkpoint: Text
    directions: Annotated[int, Ge(1), Le(100)]
    reach: Positive
    ema: bool
    device: Device
    trust: Names
    explore: ExploreOptions


class ReportKeys(TypedDict):
    """Keys of ``gan_lab.report``."""

    runs: Names | None
    out: Text | None
    max_grids: Whole


class DashboardKeys(TypedDict):
    """Keys of ``gan_lab.dashboard``."""

    project: Text
    entity: Text | None
    name: Text
    metrics: Sequence[Text]
    out: Text


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
    num_features: Annotated[Size, Ge(16)]
    seed: int
    device: Device


class BenchmarkFrechetKeys(TypedDict):
    """Keys of ``gan_lab.benchmark_frechet``."""

    d: Size
    reals: Annotated[Rows, Ge(2)]
    decay: Annotated[Sequence[NonNegative], MinLen(1)]
    samples: Annotated[Sequence[Annotated[Rows, Ge(2)]], MinLen(1)]
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
    "doctor": BenchmarkKeys,
    "benchmark_data": BenchmarkDataKeys,
    "prepare": PrepareKeys,
    "evaluate": EvaluateKeys,
    "sample": SampleKeys,
    "explore": ExploreKeys,
    "export": ExportKeys,
    "import_weights": ImportWeightsKeys,
    "report": ReportKeys,
    "dashboard": DashboardKeys,
    "sensitivity": SensitivityKeys,
    "train_extractor": TrainExtractorKeys,
    "benchmark_frechet": BenchmarkFrechetKeys,
    "list": ListKeys,
}
