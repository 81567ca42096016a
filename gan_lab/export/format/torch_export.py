"""A program of torch.export, which needs torch alone: ``torch.export.load("generator.pt2").module()(z)``."""

import json
from pathlib import Path

import torch
from torch.export import Dim, ExportedProgram

from gan_lab import atomic
from gan_lab.errors import InputError, first_line
from gan_lab.export.generator import Exported

CONTRACT = "contract.json"
"""The extra file in the program that holds the contract."""


def write(exported: Exported, folder: Path) -> list[Path]:
    """Write ``generator.pt2``."""
    path = folder / "generator.pt2"
    with atomic.replacing(path) as partial:
        torch.export.save(program(exported), partial, extra_files={CONTRACT: json.dumps(exported.contract.plain())})
    return [path]


def program(exported: Exported) -> ExportedProgram:
    """Return the generator as a graph of any batch size.

    Raises:
        InputError: its code depends on values or on the batch size.
    """
    shapes = {name: {0: Dim("N")} for name in exported.inputs}
    try:
        with torch.no_grad():
            return torch.export.export(exported.generator, tuple(exported.inputs.values()), dynamic_shapes=shapes)
    except Exception as error:  # torch has a class of errors for each way in which code is no graph
        raise InputError(
            f"this generator is no graph of any batch size ({first_line(error)}): take len(z) and other Python numbers out of "
            "its forward, or use format=safetensors"
        ) from error
