"""Types and ranges of the groups of options that commands share, as ``conf/GROUP/NAME.yaml``."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from annotated_types import Ge, MinLen

from gan_lab.ranges import Rows, Text

Names = str | Sequence[Text]


class TargetNode:
    """Stands for the object that a ``_target_`` makes, where a value is checked."""


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


class Eval(TypedDict):
    """The group ``eval``."""

    reference: Text
    num_reference: Annotated[Rows, Ge(2)] | None
    num_fake: Annotated[Rows, Ge(2)] | None
    seeds: Annotated[Sequence[int], MinLen(1)]
    save_images: Text | None
    save_statistics: Text | None


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
