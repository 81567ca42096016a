"""Weights in safetensors, with the contract in their metadata and, beside them, ``network.py``, which needs torch alone."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gan_lab import atomic
from gan_lab.errors import InputError
from gan_lab.export import loader
from gan_lab.export.bundle import bundle
from gan_lab.export.generator import Exported
from gan_lab.export.recipe import classes, named, recipe_of

HEAD = '''"""A generator that gan_lab trained: what makes it and loads its weights, with torch alone.

    import torch
    from network import load

    generator, contract = load()
    images = generator(%s)

Made of the source of gan_lab (MIT licence).
"""

from __future__ import annotations

'''

TAIL = '''


def load(path: str | Path = Path(__file__).with_name("generator.safetensors")) -> tuple[nn.Module, dict[str, Any]]:
    """Return the generator, in evaluation mode on the CPU, and the contract: what it takes and gives."""
    return restored(path, globals())
'''


def write(exported: Exported, folder: Path) -> list[Path]:
    """Write ``generator.safetensors`` and ``network.py``."""
    recipe = recipe_of(exported)
    source = bundle([*dict.fromkeys(classes(recipe)), loader.restored])
    example = "torch.randn(16, contract['latent_dim'])"
    if "y" in exported.inputs:
        example += ", torch.zeros(16" + (", dtype=torch.long)" if exported.contract.num_classes else ", contract['label_dim'])")
    path, network = folder / "generator.safetensors", folder / "network.py"
    facts = {"network": named(recipe, source.names), "contract": exported.contract.plain()}
    save(exported.generator, path, facts)
    atomic.write_text(network, f"{HEAD % example}{source.imports}\n\n\n{source.text}{TAIL}")
    return [path, network]


def save(module: nn.Module, path: Path, facts: dict[str, Any]) -> None:
    """Write the state of a module, and facts as JSON in the metadata, with states that are no tensors under ``states``.

    Raises:
        InputError: the package safetensors is missing.
    """
    try:
        from safetensors.torch import save as to_bytes
    except ImportError as error:
        raise InputError("format=safetensors needs the package safetensors: pip install 'gan_lab[export]'") from error
    state = module.state_dict()
    weights = {name: value.detach().clone().contiguous() for name, value in state.items() if isinstance(value, Tensor)}
    facts = facts | {"states": {name: value for name, value in state.items() if name not in weights}}
    content = to_bytes(weights, {name: json.dumps(value) for name, value in facts.items()})
    with atomic.replacing(path) as partial:  # not save_file, whose files nobody but their owner may read
        partial.write_bytes(content)
