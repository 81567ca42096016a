"""Every option of a configuration, held to the type and the range that its constructor states, before anything is built.

``_target_`` names the constructor; what has none, such as ``max_images``, is stated in `gan_lab.cli.schema`.
"""

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from annotated_types import Gt, Le, Lt
from hydra._internal.instantiate._instantiate2 import _resolve_target
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from gan_lab.cli.groups import TargetNode
from gan_lab.cli.libraries import LIBRARIES, HydraKeys
from gan_lab.cli.words import LISTS, MAPPINGS, UNIONS, is_number, shown, words
from gan_lab.errors import InputError, nearest

if TYPE_CHECKING:
    from pydantic import TypeAdapter

GET_METHOD = "hydra.utils.get_method"
LATER = re.compile(r"HydraConfig was not set|Interpolation key 'data\.")
"""What cannot be resolved yet: it is known when the command runs, or has read its data."""
HYDRA_NODE = "hydra."
HYDRA = {
    "_target_": str,
    "_partial_": bool,
    "_recursive_": bool,
    "_convert_": Literal["none", "partial", "object", "all"],
    "_args_": Sequence[Any],
}
"""Keys of a part that Hydra itself reads."""


@dataclass(frozen=True)
class Rule:
    """Type and range of an option."""

    hint: Any

    @cached_property
    def adapter(self) -> "TypeAdapter[Any]":
        """Return the validator; pydantic is imported with the first, for ``--help`` needs none."""
        from pydantic import ConfigDict, TypeAdapter

        endless = Le(math.inf) in getattr(self.hint, "__metadata__", ())
        return TypeAdapter(
            plain(self.hint), config=ConfigDict(strict=True, allow_inf_nan=endless, arbitrary_types_allowed=True)
        )

    def below(self, node: DictConfig) -> Mapping[Any, "Rule"]:
        """Return the rules of the keys of a mapping."""
        if is_typeddict(self.hint):
            return rules_of(self.hint)
        kind = _mapped(self.hint)
        return {} if kind is None else dict.fromkeys(node, Rule(kind))

    @property
    def is_closed(self) -> bool:
        """Return whether a mapping has no other keys; a group of parts may, to which the parts refer."""
        whole = is_typeddict(self.hint) and self.hint.__total__
        return whole and all(rule.hint is not TargetNode for rule in rules_of(self.hint).values())

    def check(self, key: str, value: Any) -> None:
        """Refuse a value in one sentence."""
        from pydantic import ValidationError

        try:
            self.adapter.validate_python(value)
        except ValidationError as error:
            right = words(self.hint)
            if is_number(value) and not math.isfinite(value):
                right = right.replace("a number", "a finite number")
            elif is_number(value) and abs(value) >= 2**63:
                right += ", below 2^63"
            elif is_number(value) and right.startswith("a text"):
                right += f" (a number as a text: {key}=\"'{value}'\")"
            raise InputError(f"{key}={shown(value)} is invalid: give {right}") from error


@dataclass(frozen=True)
class Option:
    """One key of a node, with what is written there and its rule; None: anything goes."""

    key: str
    node: DictConfig | ListConfig
    name: Any
    written: Any
    rule: Rule | None

    @property
    def is_copy(self) -> bool:
        """Return whether the value is that of another key, or computed."""
        return isinstance(self.written, str) and "${" in self.written

    def check(self) -> None:
        """Refuse a value that the rule excludes, and one that is missing."""
        if self.written == "???":
            raise InputError(f"{self.key} is missing: give {self.key}=VALUE")
        try:
            value = self.node[self.name] if self.is_copy or isinstance(self.written, dict | list) else self.written
        except InterpolationResolutionError as error:
            if LATER.search(str(error)):
                return
            raise
        if self.rule is None or (self.is_copy and value is None):  # which data or the command fill in
            return
        if isinstance(value, DictConfig) and "_target_" not in value and self.rule.below(value):
            return  # its keys have their own rules
        if self.is_copy and self.name == "image_size" and isinstance(value, ListConfig):
            return  # `training.build` says which networks make images that are not square
        self.rule.check(self.key, _value(value))


def validate(cfg: DictConfig, command: type | None = None, prefix: str = "") -> None:
    """Refuse the first option whose value its constructor does not take, with what it takes.

    Values that are written out come first: those that others copy are to blame for the copies.

    Args:
        cfg: the configuration.
        command: the keys of the command itself, a `TypedDict` of `gan_lab.cli.schema`.
        prefix: of the keys, where ``cfg`` is a part of a configuration.

    Raises:
        InputError: a value has the wrong type, is out of range or missing, or its key is unknown.
        InstantiationException: a target cannot be found, or Hydra blocks it.
    """
    rules: Mapping[str, Rule] = {}
    if command:
        rules = rules_of(command)
        _check_keys(cfg, command)
    found = [*walk(cfg, rules, prefix)]
    if "hydra" in cfg:
        found += [option for option in walk(cfg.hydra, rules_of(HydraKeys), HYDRA_NODE) if option.rule]
    for copies in (False, True):
        for option in found:
            if option.is_copy == copies:
                option.check()


def _check_keys(node: DictConfig, options: type, prefix: str = "") -> None:
    """Refuse a configuration without a key that a command reads."""
    given = {*node}  # with those that are missing, which `in` leaves out
    for name, rule in rules_of(options).items():
        key = f"{prefix}{name}"
        if name in options.__required_keys__ and name not in given:  # type: ignore[attr-defined]
            raise InputError(f"{key} is not there, and the command needs it: leave out ~{key}")
        if is_typeddict(rule.hint) and isinstance(child := node.get(name), DictConfig):
            _check_keys(child, rule.hint, f"{key}.")


def walk(node: DictConfig | ListConfig, rules: Mapping[Any, Rule], prefix: str = "", written: Any = None) -> Iterator[Option]:
    """Yield every option below a node.

    Args:
        node: of the configuration.
        rules: of the keys of the node.
        prefix: the node's own key and a dot.
        written: the node as plain data, which are read far faster; None: it is made so.
    """
    if written is None:
        written = OmegaConf.to_container(node, resolve=False)
    for name, value in written.items() if isinstance(written, dict) else enumerate(written):
        key, rule = f"{prefix}{name!s}", rules.get(name)
        if key == "hydra" or (prefix == HYDRA_NODE and rule is None):
            continue  # Hydra checks its own
        yield Option(key, node, name, value, rule)
        if isinstance(value, dict | list):
            child = node[name]
            yield from walk(child, _rules_below(child, value, rule, key), f"{key}.", value)


def _rules_below(node: DictConfig | ListConfig, written: Any, rule: Rule | None, key: str) -> Mapping[Any, Rule]:
    if isinstance(node, ListConfig) or written.get("_target_") == "???":
        return {}
    if "_target_" not in written:
        rules, is_closed, owner = (rule.below(node) if rule else {}), rule is not None and rule.is_closed, f"{key} has"
    else:
        target, owner = _resolve_target(node._target_, key), f"{node._target_} takes"
        if node._target_ == GET_METHOD and isinstance(path := node.get("path"), str):
            _resolve_target(path, key)
        rules, is_closed = rules_of_target(target)
    for name in map(str, node if is_closed else ()):
        if name not in rules:
            raise InputError(f"{owner} no '{name}'{nearest(name, rules)}: leave it out (~{key}.{name}, if a yaml chooses it)")
    return rules


@cache
def rules_of(options: type) -> dict[str, Rule]:
    """Return the rules of a `TypedDict`."""
    hints = get_type_hints(options, include_extras=True).items()
    return {name: Rule(get_args(hint)[0] if get_origin(hint) is NotRequired else hint) for name, hint in hints}


@cache
def rules_of_target(target: Any) -> tuple[dict[str, Rule], bool]:
    """Return the rules of a function or class, and whether they are all that it takes.

    A class that hands on ``**kwargs`` takes what the classes below it take.
    """
    rules = {name: Rule(hint) for name, hint in HYDRA.items()}
    is_class = isinstance(target, type)
    functions = [kind.__dict__["__init__"] for kind in target.__mro__ if "__init__" in kind.__dict__] if is_class else [target]
    for function in functions:
        found, hands_on = _parameters(function)
        rules = {name: Rule(hint) for name, hint in found.items()} | rules
        if not hands_on:
            return rules | _loose(target), True
    return rules | _loose(target), False


def _parameters(function: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """Return the hint of each parameter, and whether others are taken too."""
    try:
        parameters = inspect.signature(function).parameters.values()
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, ValueError):  # names that only a type checker imports; no signature at all
        return {}, True
    found: dict[str, Any] = {}
    hands_on = False
    for parameter in parameters:
        hint = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_KEYWORD:
            unpacked = next((each for each in get_args(hint) if is_typeddict(each)), None)
            found |= get_type_hints(unpacked, include_extras=True) if unpacked else {}
            hands_on = unpacked is None
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            found[parameter.name] = hint | None if parameter.default is None and hint is not Any else hint
    return found, hands_on


def _loose(target: Callable[..., Any]) -> dict[str, Rule]:
    """Return the rules of libraries whose own hints state no ranges."""
    for library, options in LIBRARIES.items():
        if f"{getattr(target, '__module__', None)}.".startswith(f"{library}."):
            return rules_of(options)
    return {}


def _value(value: Any) -> Any:
    """Return plain data, with a `TargetNode` for each node with a target."""
    if isinstance(value, DictConfig):
        return TargetNode() if "_target_" in value else {name: _value(value[name]) for name in value}
    return [_value(each) for each in value] if isinstance(value, ListConfig) else value


def _mapped(hint: Any) -> Any:
    """Return the type of what a mapping holds; None of other types."""
    kinds = get_args(hint) if get_origin(hint) in UNIONS else [hint]
    return next((get_args(kind)[1] for kind in kinds if get_origin(kind) in MAPPINGS), None)


def plain(hint: Any) -> Any:
    """Return a type as values of a configuration can have it, with `TargetNode` in place of objects."""
    origin = get_origin(hint)
    inner = [plain(each) for each in get_args(hint)] if origin in (Annotated, *UNIONS, *LISTS, *MAPPINGS) else []
    if origin is Annotated:
        return Annotated[inner[0], *hint.__metadata__]
    if origin in UNIONS:
        return Union[tuple(inner)]  # noqa: UP007  of a computed number of types
    if origin is tuple:
        from pydantic import Strict

        return Annotated[hint, Strict(False)]  # a list will do
    if origin in LISTS:
        return Sequence[inner[0]]  # type: ignore[valid-type]
    if origin in MAPPINGS:
        return dict[inner[0], inner[1]]  # type: ignore[valid-type]
    if hint is int:
        return Annotated[int, Lt(2**63), Gt(-(2**63))]
    if hint is Path:
        return str
    if is_typeddict(hint) or hint is dict:
        return dict
    return hint if hint in (Any, object, bool, float, str, list, type(None)) or origin is Literal else TargetNode
