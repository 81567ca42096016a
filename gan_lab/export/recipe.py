"""How to make an exported generator: its class and arguments, as plain data for `gan_lab.export.loader.made`."""

from collections.abc import Iterator, Mapping
from typing import Any

from hydra.utils import get_object
from omegaconf import OmegaConf
from torch import nn

from gan_lab.errors import InputError
from gan_lab.export.generator import Exported, TruncatedLatents, TruncatedStyles
from gan_lab.model.ccgan import LabelEmbedding
from gan_lab.model.conditional import LabelledGenerator

Recipe = dict[str, Any]


def recipe_of(exported: Exported) -> Recipe:
    """Return ``{"class": CLASS, "arguments": {...}}`` of the generator, whose arguments may be such recipes.

    Raises:
        InputError: a model has wrapped the network of the configuration in a class of its own.
    """
    node = OmegaConf.to_container(exported.cfg.network.generator, resolve=True)
    recipe: Recipe = _recipe(exported.generator, node)
    fresh, own = build(recipe).state_dict(), exported.generator.state_dict()
    if {key: _form(value) for key, value in fresh.items()} != {key: _form(value) for key, value in own.items()}:
        raise InputError(
            f"network.generator of this run's configuration does not make the weights of its generator, "
            f"{type(exported.generator).__qualname__}, which something has changed: use format=torch_export"
        )
    return recipe


def build(recipe: Recipe) -> Any:
    """Make the module that a recipe describes."""
    return recipe["class"](**{key: build(value) if is_recipe(value) else value for key, value in recipe["arguments"].items()})


def is_recipe(node: Any) -> bool:
    """Return whether a value describes an object."""
    return isinstance(node, dict) and "class" in node


def classes(recipe: Recipe) -> Iterator[type]:
    """Yield the classes of a recipe and of its arguments."""
    yield recipe["class"]
    for value in recipe["arguments"].values():
        if is_recipe(value):
            yield from classes(value)


def named(node: Any, names: Mapping[Any, str]) -> Any:
    """Return a recipe with the names of its classes in their place."""
    if not is_recipe(node):
        return node
    arguments = {key: named(value, names) for key, value in node["arguments"].items()}
    return {"class": names[node["class"]], "arguments": arguments}


def _recipe(module: Any, node: Any) -> Recipe:
    if isinstance(module, TruncatedLatents | TruncatedStyles):
        return _of(type(module), generator=_recipe(module.generator, node), truncation=module.truncation)
    if isinstance(module, LabelledGenerator):
        return _of(LabelledGenerator, generator=_recipe(module.generator, node), **_embedding(module))
    if module.__class__ is not get_object(node["_target_"]):
        raise InputError(
            f"this model has made its generator a {type(module).__qualname__}, and network.py holds what network.generator "
            "names: use format=torch_export"
        )
    return _from_node(node)


def _embedding(module: LabelledGenerator) -> dict[str, Any]:
    table: Any = module.embedding
    if isinstance(table, nn.Embedding):
        return {"num_classes": table.num_embeddings, "embedding_dim": table.embedding_dim}
    first, last = table.layers[0], table.layers[-1]
    made = _of(LabelEmbedding, label_dim=len(table.low), dim=last.out_features, width=first.out_features)
    return {"num_classes": module.num_classes, "embedding_dim": last.out_features, "embedding": made}


def _of(kind: type, **arguments: Any) -> Recipe:
    return {"class": kind, "arguments": arguments}


def _from_node(node: Any) -> Any:
    """Return the recipe of a node of the configuration with a ``_target_``; other values as they are."""
    if isinstance(node, dict) and "_target_" in node:
        arguments = {key: _from_node(value) for key, value in node.items() if key != "_target_"}
        return {"class": get_object(node["_target_"]), "arguments": arguments}
    return node


def _form(value: Any) -> Any:
    return value.shape if hasattr(value, "shape") else None
