"""A graph of ONNX, of any batch size, for onnxruntime and other engines."""

import json
import logging
import warnings
from pathlib import Path

import torch

from gan_lab import atomic
from gan_lab.errors import InputError, first_line
from gan_lab.export.format.torch_export import program
from gan_lab.export.generator import Exported


def write(exported: Exported, folder: Path) -> list[Path]:
    """Write ``generator.onnx``, with inputs ``z`` and ``y``, the output ``images`` and the contract in its metadata.

    Raises:
        InputError: a package is missing, or ONNX has no operator for a part of the generator.
    """
    try:
        import onnxscript  # noqa: F401  which torch needs for it
    except ImportError as error:
        raise InputError("format=onnx needs the package onnxscript: pip install 'gan_lab[export]'") from error
    if exported.contract.truncates == "latents":
        raise InputError(
            "format=onnx cannot truncate latents, for ONNX has no inverse of the normal distribution: leave truncation= out, "
            "and give the file latents that are drawn within the bound"
        )
    for name in ("onnx_ir", "onnxscript"):
        logging.getLogger(name).setLevel(logging.WARNING)  # each pass over the graph says what it has done
    path = folder / "generator.onnx"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own parts
            model = torch.onnx.export(
                program(exported),
                tuple(exported.inputs.values()),
                input_names=list(exported.inputs),
                output_names=["images"],
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise InputError(f"ONNX has no operator for this generator ({first_line(error)}): use format=torch_export") from error
    assert model is not None
    model.model.metadata_props["contract"] = json.dumps(exported.contract.plain())
    with atomic.replacing(path) as partial:
        model.save(partial)
    return [path]
