"""Checks that the options of a data module fit its samples; each refuses in one sentence."""

from typing import Any

import torch
from torch import Tensor

from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.sizes import as_given


def check_batch_size(batch_size: int, num_train: int, world_size: int) -> None:
    """Refuse a batch size that a process's share of the training samples does not fill."""
    largest = num_train // world_size
    if not 1 <= batch_size <= largest:
        raise InputError(
            f"data.batch_size={batch_size} does not fit {count(num_train, 'training sample')} on "
            f"{count(world_size, 'process')}: use 1 to {largest}"
        )


def check_shape(stated: tuple[int, ...], found: tuple[int, ...]) -> None:
    """Refuse samples of another shape than the options state."""
    if found == stated:
        return
    if len(stated) == len(found) == 3:
        given = f"data.channels={stated[0]} data.image_size={as_given(*stated[1:])} do not fit"
        remedy = f"data.channels={found[0]} data.image_size={as_given(*found[1:])}".replace(", ", ",")
    else:
        given, remedy = f"data.shape={list(stated)} does not fit", f"++data.shape={list(found)}".replace(" ", "")
    raise InputError(f"{given} the samples, which are {'x'.join(map(str, found))}: use {remedy}")


def check_labels(num_classes: int, label: Any, labels: Tensor | None, num_names: int) -> None:
    """Refuse classes that the data do not have.

    Args:
        num_classes: number of classes that the options state.
        label: of the first sample, None where there is none.
        labels: of all samples, where they are in memory.
        num_names: number of named classes; 0 where they have no names.
    """
    if label is None:
        raise InputError(f"data.num_classes={num_classes}, but the data have no labels: use data.num_classes=null")
    if labels is not None and int(labels.min()) < 0:
        raise InputError(
            f"a label is {int(labels.min())}, and classes are numbered from 0: renumber them, or use data.num_classes=null"
        )
    if labels is not None and int(labels.max()) >= num_classes:
        raise InputError(
            f"data.num_classes={num_classes}, but a label is {int(labels.max())}: use data.num_classes="
            f"{int(labels.max()) + 1}, or null to drop the labels"
        )
    if num_names not in (0, num_classes):
        raise InputError(
            f"data.num_classes={num_classes}, but the data have {count(num_names, 'class')}: use data.num_classes={num_names}, "
            "or null to drop the labels"
        )


def check_label_dim(label_dim: int, num_classes: int | None, label: Any) -> None:
    """Refuse classes where float labels of ``label_dim`` numbers are asked for."""
    if num_classes is not None or len(torch.as_tensor(label).flatten()) != label_dim:
        raise InputError(
            f"data.label_dim={label_dim} asks for float labels of so many numbers, beside data.num_classes=null: this "
            f"data's first label is {label} and data.num_classes={num_classes}"
        )
