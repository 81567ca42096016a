"""Options of a config group, described by their yaml files and docstrings, which are read and never imported: no torch."""

import ast
import re
from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lab.cli.compose import CONF, PACKAGE
from gan_lab.errors import pick

BY_DOCSTRING = {"model", "network", "penalty", "regularizer", "augment", "trick", "metric", "callback"}
"""Groups with a class for each option. Elsewhere options share classes, and the first comment of a yaml tells them apart."""

AUTHORS = r"[A-ZÀ-Þ][\w'-]*[a-zß-ÿ][\w'-]*(?: (?:& [A-Z][\w'-]+|et al\.))?"
CITATION = rf"(?P<paper>{AUTHORS}),? (?P<year>(?:19|20)\d\d)[a-z]?\b"
IN_BRACKETS = re.compile(rf"\s*\([^()]*?{CITATION}(?P<more>[^()]*)\)")
IN_FRONT = re.compile(rf"^{CITATION}(?P<more>[^\n]*)")
TABLE = re.compile(r"(<!-- list:(?: (\S+))? -->\n).*?(<!-- end -->)", re.DOTALL)

Row = dict[str, str]


def groups(folders: Sequence[Path] = (CONF,)) -> dict[str, dict[str, Path]]:
    """Return the file of each option of every group, by their names on the command line; the first folder that has it wins."""
    found: dict[str, dict[str, Path]] = {}
    for folder in reversed(folders):
        for path in folder.rglob("*.yaml"):
            group = path.parent.relative_to(folder).as_posix()
            if group != "." and path.parent.name != "base":
                found.setdefault(group, {})[path.stem] = path
    return {group: dict(sorted(options.items())) for group, options in sorted(found.items())}


def rows(group: str | None, folders: Sequence[Path] = (CONF,)) -> list[Row]:
    """Describe the options of a group, those of the oldest papers first, or with None all groups; no column is empty.

    Args:
        group: its name, such as ``model``.
        folders: of the configuration files: a user's own, and `CONF`.

    Raises:
        InputError: there is no such group.
    """
    known = groups(folders)
    if group is None:
        return [{"group": name, "options": str(len(options)), "names": ", ".join(options)} for name, options in known.items()]
    options = pick(known, group, "group")
    found = sorted((describe(group, path, options) for path in options.values()), key=lambda row: (row["year"], row["option"]))
    columns = [column for column in found[0] if any(row[column] for row in found)]
    return [{column: row[column] for column in columns} for row in found]


def describe(group: str, path: Path, options: dict[str, Path]) -> Row:
    """Describe one of the options of a group: paper, address and year, one line, and what its yaml chooses or records."""
    text = path.read_text(encoding="utf-8")
    node = load(path)
    whole = with_parents(node, options)
    comments = comments_of(text)
    class_docstring, module_docstring = docstrings(node)
    documented = [summary(class_docstring), summary(module_docstring)]
    sources = [paragraph for paragraph in class_docstring.split("\n\n") if IN_FRONT.match(paragraph)]
    texts = [*documented, *comments[:1], *sources] if group in BY_DOCSTRING else [*comments[:1], *documented]
    return {
        "option": path.stem,
        **cite(texts),
        "what": next((line for line in map(without_citation, texts) if line), ""),
        "sizes": sizes(comments) if group == "network" else "",
        "settings": settings(whole) if group == "optimizer" else "",
        "chooses": " ".join(chosen(whole)),
        "published": recorded(comments, "Published"),
        "ours": recorded(comments, "Ours"),
    }


def load(path: Path) -> dict[str, Any]:
    """Return a yaml file, its interpolations as they stand."""
    node: Any = OmegaConf.to_container(OmegaConf.load(path))
    return node


def with_parents(node: dict[str, Any], options: dict[str, Path]) -> dict[str, Any]:
    """Return a yaml merged over the ``options`` of its own group that its ``defaults`` name; ``defaults`` are joined."""
    names = [entry.partition("@")[0] for entry in node.get("defaults", []) if isinstance(entry, str)]
    nodes = [*(with_parents(load(options[name]), options) for name in names if name in options), node]
    if len(nodes) == 1:
        return node
    merged: Any = OmegaConf.to_container(OmegaConf.merge(*nodes))
    return merged | {"defaults": [entry for each in nodes for entry in each.get("defaults", [])]}


def comments_of(text: str) -> list[str]:
    """Return the comment lines at the head of a yaml file, without Hydra's directive and without commands."""
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return [line.removeprefix("#").strip() for line in lines if not re.match("# (@package|python -m) ", line)]


def docstrings(node: dict[str, Any]) -> tuple[str, str]:
    """Return the docstrings of an option's class (or function) and of its module.

    A network is described by its module alone, since it has two classes; an option of no class, or of several, by none.
    """
    if "generator" in node:
        return "", read(node["generator"]["_target_"])[1]
    parts = [node] if "_target_" in node else [part for part in node.values() if isinstance(part, dict) and "_target_" in part]
    return read(parts[0].get("path", parts[0]["_target_"])) if len(parts) == 1 else ("", "")  # path: of hydra.utils.get_method


@cache
def read(target: str) -> tuple[str, str]:
    """Return the docstrings of a target and of its module; empty ones outside of gan_lab and of the working folder."""
    module, _, name = target.rpartition(".")
    root = PACKAGE.parent if module.startswith("gan_lab.") else Path.cwd()
    path = root / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        return "", ""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    definitions = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    found = [ast.get_docstring(node) or "" for node in definitions if node.name == name]
    return "".join(found), ast.get_docstring(tree) or ""


def summary(docstring: str) -> str:
    """Return the first paragraph as one line."""
    return " ".join(docstring.split("\n\n")[0].split())


def cite(texts: list[str]) -> dict[str, str]:
    """Return authors, address and year of the first citation, as in "(Zhang 2019, https://arxiv.org/abs/1805.08318)"."""
    for text in texts:
        if found := IN_BRACKETS.search(text) or IN_FRONT.search(text):
            address = re.search(r"https?://[^\s,;]+", found["more"])
            return {"paper": found["paper"], "address": address[0] if address else "", "year": found["year"]}
    return {"paper": "", "address": "", "year": ""}


def without_citation(text: str) -> str:
    """Return a line without its citation and final stop, with code in single backquotes."""
    bare = IN_BRACKETS.sub("", text) if IN_BRACKETS.search(text) else IN_FRONT.sub(lambda found: found["more"], text)
    return bare.replace("``", "`").strip(" ,;:.")


def sizes(comments: list[str]) -> str:
    """Return the sentence about sizes."""
    sentences = [sentence for line in comments for sentence in re.split(r"(?<=\.) (?=[A-Z])", line)]
    return next((sentence.rstrip(" .") for sentence in sentences if re.search(r"\bsizes?\b", sentence, re.IGNORECASE)), "")


def settings(node: dict[str, Any]) -> str:
    """Return the optimizer of each player with its arguments, once where all have the same."""
    parts = {player: part for player, part in node.items() if isinstance(part, dict) and "_target_" in part}
    arguments = {player: [f"{key}={value}" for key, value in part.items() if key[0] != "_"] for player, part in parts.items()}
    texts = {player: " ".join([part["_target_"].split(".")[-1], *arguments[player]]) for player, part in parts.items()}
    if len(set(texts.values())) == 1:
        return texts.popitem()[1]
    return "; ".join(f"{player.upper()}: {text}" for player, text in texts.items())


def chosen(node: dict[str, Any]) -> list[str]:
    """Return the options of other groups that this one chooses; the last choice of a group wins."""
    pairs = [pair for entry in node.get("defaults", []) if isinstance(entry, dict) for pair in entry.items()]
    others = {key.partition("/")[2].partition("@")[0]: value for key, value in pairs if re.match(r"(override )?/", key)}
    return [
        f"{group}=[{','.join(value)}]" if isinstance(value, list) else f"{group}={value}" for group, value in others.items()
    ]


def recorded(comments: list[str], what: str) -> str:
    """Return the rest of the comment line ``WHAT: ...``."""
    return next((line.removeprefix(f"{what}: ") for line in comments if line.startswith(f"{what}: ")), "")


def markdown(group: str | None, folders: Sequence[Path] = (CONF,)) -> str:
    """Return the table of a group, or of all groups, as Markdown with the papers linked."""
    table = rows(group, folders)
    columns = [column for column in table[0] if column != "address"]
    heads = [f"`{option_of(group)}=`" if column == "option" else column for column in columns]
    lines = [heads, ["---"] * len(columns), *([cell(row, column) for column in columns] for row in table)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def option_of(group: str | None) -> str:
    """Return a group's name on the command line: without the command's, where it is one command's alone (``sample/mode``)."""
    command, _, name = (group or "").partition("/")
    return name if name and (CONF / f"{command}.yaml").is_file() else f"{group}"


def cell(row: Row, column: str) -> str:
    """Return a cell of a Markdown table."""
    text = row[column].replace("|", r"\|")
    if text and column in ("option", "group", "settings", "chooses"):
        return f"`{text}`"
    return f"[{text}]({row['address']})" if column == "paper" and row.get("address") else text


def readmes() -> list[Path]:
    """Return every README of the project: its own, and those of the rooms of ``gan_lab`` and ``conf``."""
    root = CONF.parent
    return [*root.glob("README.md"), *sorted(CONF.rglob("README.md")), *sorted((root / "gan_lab").rglob("README.md"))]


def with_tables(text: str) -> str:
    """Return a README with each table between ``<!-- list: GROUP -->`` and ``<!-- end -->`` written anew."""
    return TABLE.sub(lambda found: f"{found[1]}{markdown(found[2])}{found[3]}", text)
