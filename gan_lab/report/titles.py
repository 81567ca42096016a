"""Tell runs apart: by the choices that differ at a glance, then by values, in the fewest words."""

from collections.abc import Mapping, Sequence
from typing import Any

WORDS = ("model", "data", "network", "penalty", "regularizer", "augment", "trick")
"""The choices that tell runs apart at a glance, in this order."""

MOST_WORDS = 5
"""In a title; runs that it would take more to tell apart are told by their folders."""


def words(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the choice for each of `WORDS`, by the names of what the configuration builds."""

    def parts(*keys: str) -> list[str]:
        node: Any = config
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
        target = node.get("_target_") if isinstance(node, dict) else None
        return str(target).split(".") if target else []

    of_data = (parts("data", "layout"), parts("data", "dataset"), parts("data", "train"), parts("data"))
    found = {
        "model": "".join(parts("model")[-2:-1]),
        "data": next((target[-1].lower() for target in of_data if target), ""),
        "network": "".join(parts("network", "generator")[-2:-1]),
    }
    lists = {word: "+".join(map(str, node)) for word, node in config.items() if word in WORDS and isinstance(node, dict)}
    return {word: found[word] if word in found else lists.get(word) or "none" for word in WORDS}


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the full keys in which configurations differ, each with its value in every one, None where it has none.

    Where a run writes is no difference. A key that repeats the values of another is left out. An empty configuration, of a
    run whose file is missing, differs from none.

    Args:
        configs: values by full key.
    """
    known = [config for config in configs if config]
    found: dict[str, list[Any]] = {}
    seen: set[tuple[str, ...]] = set()
    for key in dict.fromkeys(key for config in known for key in config):
        name = key.rsplit(".", 1)[-1]
        column = tuple(str(config.get(key)) for config in known)
        if name == "folder" or len(set(column)) == 1 or (name, *column) in seen:
            continue
        seen.add((name, *column))
        found[key] = [config.get(key) for config in configs]
    return found


def titles(choices: Sequence[Mapping[str, str]], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fewest words, then values, that tell runs apart; words alone where it would take many values.

    Args:
        choices: `words` of each run.
        configs: values by full key of each run.
    """
    columns = [[choice[word] for choice in choices] for word in WORDS]
    values = [
        ["" if value is None else f"{'.'.join(key.split('.')[-2:])}={value}" for value in column]
        for key, column in differences(configs).items()
        if not key.startswith("callback.")
    ]
    told = _told_apart([*columns, *values])
    return [", ".join(filter(None, title)) for title in (told if len(told[0]) <= MOST_WORDS else _told_apart(columns))]


def _told_apart(columns: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the rows of those columns alone that tell apart rows which the columns before do not."""
    result: list[tuple[str, ...]] = [() for _ in columns[0]]
    for column in columns:
        longer = [(*title, text) for title, text in zip(result, column, strict=True)]
        if len(set(longer)) > len(set(result)):
            result = longer
    return result
