"""What ``network.py`` needs beside the network: read a .safetensors file, and make the network that its metadata describe."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
          "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool}  # fmt: skip
"""Types by their names in the format."""


def read(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the metadata and the tensors of a .safetensors file (https://github.com/huggingface/safetensors#format)."""
    content = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        count, offset = math.prod(entry["shape"]), start + entry["data_offsets"][0]
        flat = torch.frombuffer(content, dtype=DTYPES[entry["dtype"]], count=count, offset=offset) if count else torch.empty(0)
        tensors[name] = flat.view(entry["shape"]).clone()
    return metadata, tensors


def made(node: Any, classes: Mapping[str, Any]) -> Any:
    """Return what a node of plain data describes: ``{"class": NAME, "arguments": {...}}`` an object, all else itself."""
    if isinstance(node, dict) and "class" in node:
        return classes[node["class"]](**{name: made(value, classes) for name, value in node["arguments"].items()})
    return node


def restored(path: str | Path, classes: Mapping[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """Return the generator of a file, in evaluation mode on the CPU, and its contract.

    Args:
        path: of ``generator.safetensors``.
        classes: what its metadata name.
    """
    metadata, weights = read(path)
    generator = made(json.loads(metadata["network"]), classes)
    generator.load_state_dict(weights | json.loads(metadata["states"]))
    return generator.eval(), json.loads(metadata["contract"])
