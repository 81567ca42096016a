"""Tell runs apart: by the choices that differ at a glance, then by values, in the fewest words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

WORDS = ("model", "data", "network", "penalty", "regularizer", "augment", "trick")
"""The choices that tell runs apart at a glance, in this order."""

MOST_WORDS = 5
"""In a title; of runs that it would take more to tell apart only what is unusual is told, else their folders."""

MOST_UNUSUAL = 3

PLACES = ("folder", "resume")
"""The last part of keys that say where a run lies, and how it came there."""

NONE = "none"


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
    return {word: found[word] if word in found else lists.get(word) or NONE for word in WORDS}


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
        if name in PLACES or len(set(column)) == 1 or (name, *column) in seen:
            continue
        seen.add((name, *column))
        found[key] = [config.get(key) for config in configs]
    return found


def titles(choices: Sequence[Mapping[str, str]], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what tells each run from those that are like it so far, and no more; equal titles where it would take too much.

    Args:
        choices: `words` of each run.
        configs: values by full key of each run.
    """
    told = _told_apart(list(range(len(choices))), choices, configs, MOST_WORDS)
    return [_joined(told[run]) for run in range(len(choices))]


def _told_apart(
    runs: list[int], choices: Sequence[Mapping[str, str]], configs: Sequence[Mapping[str, Any]], depth: int
) -> dict[int, list[tuple[str, str]]]:
    """Split runs by the first choice or value in which they differ, and its parts again; return these (key, text) by run."""
    split = _first_difference([choices[run] for run in runs], [configs[run] for run in runs]) if depth else None
    if split is None:
        return {run: [("", text)] for run, text in zip(runs, _unusual([configs[run] for run in runs]), strict=True)}
    key, column = split
    parts: dict[str, list[int]] = {}
    for run, text in zip(runs, column, strict=True):
        parts.setdefault(text, []).append(run)
    return {
        run: [(key, text), *rest]
        for text, part in parts.items()
        for run, rest in _told_apart(part, choices, configs, depth - 1).items()
    }


def _unusual(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return for each run the values that most of the runs have otherwise; no text where these are too many, or all usual."""
    told: list[list[str]] = [[] for _ in configs]
    for key, column in _values(configs).items():
        usual = Counter(map(str, column)).most_common(1)[0][0]
        for texts, value in zip(told, column, strict=True):
            if value is not None and str(value) != usual:
                texts.append(f"{_name(key)}={value}")
    return [", ".join(texts) if len(texts) <= MOST_UNUSUAL else "" for texts in told]


def _values(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {key: column for key, column in differences(configs).items() if not key.startswith("callback.")}


def _name(key: str) -> str:
    return ".".join(key.split(".")[-2:])


def _first_difference(
    choices: Sequence[Mapping[str, str]], configs: Sequence[Mapping[str, Any]]
) -> tuple[str, list[str]] | None:
    """Return the first word that differs, else the first value, a seed last, as a text for each run."""
    for word in WORDS:
        if len({choice[word] for choice in choices}) > 1:
            return word, [choice[word] for choice in choices]
    found = _values(configs)
    key = min(found, key=is_seed, default=None)
    if key is None:
        return None
    return _name(key), [f"{_name(key)}={value}" if value is not None else NONE for value in found[key]]


def _joined(told: Sequence[tuple[str, str]]) -> str:
    """Return the words without "none"; of a run without any other the last choice that it does without."""
    texts = [text for _, text in told if text not in ("", NONE)]
    return ", ".join(texts or [f"no {key}" for key in [key for key, _ in told if key][-1:]])


def is_seed(key: str) -> bool:
    """Return whether runs may differ in this full key and be repetitions of each other."""
    return key.rsplit(".", 1)[-1] == "seed"


def repetitions(configs: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the numbers of the runs that differ in nothing but their seed, together; a run without configuration alone."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for run, config in enumerate(configs):
        key = [(key, str(value)) for key, value in config.items() if not is_seed(key) and key.rsplit(".", 1)[-1] not in PLACES]
        groups.setdefault(tuple(sorted(key)) or (run,), []).append(run)
    return list(groups.values())
