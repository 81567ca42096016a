"""One file of Python source from classes and functions of several modules, with all that they need and nothing else.

What the roots need is followed name by name through the modules of gan_lab, as far as these names are global where they stand.
Definitions keep their text; ``layers.up`` becomes ``layers_up``, and so do names that two modules share. Ranges of
`gan_lab.ranges` become the types that they narrow.
"""

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gan_lab.errors import InputError

Key = tuple[str, str]
"""Module and name of a definition."""

Uses = list[tuple[ast.expr, Key]]
"""Global names in a statement, each with what it names."""

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Bundle:
    """The source of a file.

    Attributes:
        imports: lines of the head.
        text: the definitions, each behind those that it needs.
        names: of the roots in this file, by their own classes or functions.
    """

    imports: str
    text: str
    names: dict[Callable, str]


def bundle(roots: Iterable[Callable]) -> Bundle:
    """Return the source of these classes and functions.

    Raises:
        InputError: one of them needs a package beside torch, or has no source.
    """
    keys = {root: (root.__module__, root.__qualname__) for root in roots}
    owned = {"gan_lab"} | {module.partition(".")[0] for module, _ in keys.values()}
    needed = _Needed(owned)
    for module, name in keys.values():
        needed.add((module, name))
    names = needed.names([*keys.values()])
    parts = [_rewritten(part, uses, names) for part, uses in needed.parts]
    return Bundle("\n".join(needed.imports()), "\n\n\n".join(parts), {root: names[key] for root, key in keys.items()})


@dataclass
class _Part:
    """A statement of a module, to the last line of the text that documents it."""

    module: "_Module"
    statement: ast.stmt
    last_line: int


class _Module:
    """The top-level statements of a module, by the names that they define, and its imports."""

    def __init__(self, name: str) -> None:
        self.name = name
        spec = find_spec(name)
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            raise InputError(f"the module {name} has no source file, which network.py is made of: use format=torch_export")
        text = Path(spec.origin).read_text(encoding="utf-8")
        if name == "gan_lab.ranges":
            text = ast.unparse(_Plain().visit(ast.parse(text)))
        self.lines, body = text.encode().splitlines(), ast.parse(text).body
        self.parts: dict[str, _Part] = {}
        self.imported: dict[str, tuple[str, str | None]] = {}
        for number, node in enumerate(body):
            after = body[number + 1] if number + 1 < len(body) else node
            documents = _is_text(after) and isinstance(node, ast.Assign | ast.AnnAssign)
            last = (after if documents else node).end_lineno
            self.parts |= dict.fromkeys(_defined(node), _Part(self, node, last or 0))
            self.imported |= _imported(node)


class _Plain(ast.NodeTransformer):
    """Replaces ``Annotated[type, ...]`` by the type, and leaves texts out."""

    def visit_Expr(self, node: ast.Expr) -> None:
        return None

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "Annotated" and isinstance(node.slice, ast.Tuple):
            return node.slice.elts[0]
        return node


class _Needed:
    """Definitions in the order in which a file can hold them, found from its roots."""

    def __init__(self, owned: set[str]) -> None:
        self.owned = owned
        self.parts: list[tuple[_Part, Uses]] = []
        self.external: set[tuple[str, str | None, str]] = set()
        self._module = cache(_Module)
        self._seen: set[int] = set()
        self._by_attribute: set[Key] = set()

    def add(self, key: Key) -> None:
        """Add a definition, behind all that it needs."""
        part = self._module(key[0]).parts.get(key[1])
        if part is None:
            raise InputError(
                f"{key[0]} does not define {key[1]} at its top, where network.py takes it: use format=torch_export"
            )
        if id(part) in self._seen:
            return
        self._seen.add(id(part))
        uses = _Visitor(part, self).found
        self._by_attribute |= {target for node, target in uses if isinstance(node, ast.Attribute)}
        for _, target in uses:
            self.add(target)
        self.parts.append((part, uses))

    def resolve(self, module: _Module, name: str, attribute: str | None = None) -> Key | None:
        """Return the definition that a global name, or an attribute of a module of that name, stands for; note imports."""
        if name in module.parts:
            return (module.name, name) if attribute is None else None
        if name not in module.imported:
            return None  # a builtin
        source, original = module.imported[name]
        if source.partition(".")[0] not in self.owned:
            self._check(source)
            self.external.add((source, original, name))
            return None
        if original is None or _is_module(f"{source}.{original}"):
            inner = source if original is None else f"{source}.{original}"
            return None if attribute is None else self.resolve(self._module(inner), attribute)
        return self.resolve(self._module(source), original) if attribute is None else None

    def _check(self, source: str) -> None:
        package = source.partition(".")[0]
        if package != "torch" and package not in sys.stdlib_module_names:
            raise InputError(
                f"the generator needs {package}, and network.py shall need torch alone: use format=torch_export or format=onnx"
            )

    def names(self, roots: list[Key]) -> dict[Key, str]:
        """Return a name for each definition, the roots' own first."""
        keys = [key for part, _ in self.parts for key in _keys(part)]
        count = Counter([*(name for _, name in keys), *{name for _, _, name in self.external}])
        return {
            key: _prefixed(key) if key not in roots and (count[key[1]] > 1 or key in self._by_attribute) else key[1]
            for key in keys
        }

    def imports(self) -> list[str]:
        """Return the import lines of all that is not bundled, sorted."""
        whole = sorted(f"import {source}" for source, original, _ in self.external if original is None)
        named: dict[str, set[str]] = {}
        for source, original, name in self.external:
            if original is not None:
                named.setdefault(source, set()).add(original if original == name else f"{original} as {name}")
        return [*whole, *(f"from {source} import {', '.join(sorted(found))}" for source, found in sorted(named.items()))]


class _Visitor(ast.NodeVisitor):
    """Finds the global names in a statement."""

    def __init__(self, part: _Part, needed: _Needed) -> None:
        self.module, self.needed = part.module, needed
        self.defines = not isinstance(part.statement, ast.ClassDef)  # a name that is stored there is the class's own
        self.local: list[set[str]] = []
        self.found: Uses = []
        self.visit(part.statement)

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, SCOPES):
            names = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
            body = node.body if isinstance(node.body, list) else [node.body]
            names |= {*_stored(body)}
            outer = [child for child in ast.iter_child_nodes(node) if child not in body]
            self._visit_all(outer)
            self._visit_all(body, names)
        elif isinstance(node, COMPREHENSIONS):
            self._visit_all(ast.iter_child_nodes(node), {*_stored(loop.target for loop in node.generators)})
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            self._note(node, node.value.id, node.attr)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load) or self.defines:
                self._note(node, node.id)
        else:
            self.generic_visit(node)

    def _visit_all(self, nodes: Iterable[ast.AST], names: set[str] | None = None) -> None:
        self.local.append(names or set())
        for node in nodes:
            self.visit(node)
        self.local.pop()

    def _note(self, node: ast.expr, name: str, attribute: str | None = None) -> None:
        if any(name in names for names in self.local):
            return
        key = self.needed.resolve(self.module, name, attribute)
        if key is None and attribute is not None:
            node, key = node.value, self.needed.resolve(self.module, name)  # type: ignore[attr-defined]
        if key is not None:
            self.found.append((node, key))


def _rewritten(part: _Part, uses: Uses, names: dict[Key, str]) -> str:
    """Return the text of a statement with the names of the bundle."""
    node, lines = part.statement, part.module.lines
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    edits = [(use.lineno, use.col_offset, use.end_col_offset, names[key]) for use, key in uses]
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        start = len("class " if isinstance(node, ast.ClassDef) else "def ")
        edits.append((node.lineno, start, start + len(node.name.encode()), names[part.module.name, node.name]))
    made = {number: lines[number - 1] for number in range(first, part.last_line + 1)}
    for number, start, end, name in sorted(edits, reverse=True):
        made[number] = made[number][:start] + name.encode() + made[number][end:]
    return b"\n".join(made.values()).decode()


def _keys(part: _Part) -> list[Key]:
    return [(part.module.name, name) for name in _defined(part.statement)]


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]


def _imported(node: ast.stmt) -> dict[str, tuple[str, str | None]]:
    """Return module and name there by the local name."""
    if isinstance(node, ast.Import):
        return {each.asname or each.name.partition(".")[0]: (each.name, None) for each in node.names}
    if isinstance(node, ast.ImportFrom):
        return {each.asname or each.name: (node.module or "", each.name) for each in node.names}
    return {}


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what is before the last dot is none
        return False


def _stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that nodes of one scope bind; those within have bindings of their own."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, SCOPES + COMPREHENSIONS):
            yield from _stored(ast.iter_child_nodes(node))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _prefixed(key: Key) -> str:
    """Return the name with that of its module before it: layers_up, ResnetGenerator."""
    room, name = key[0].rpartition(".")[2], key[1].lstrip("_")
    return f"{room.title().replace('_', '')}{name}" if name[0].isupper() and not name.isupper() else f"{room}_{name}"
