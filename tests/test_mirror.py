"""The house: every source file has its mirror in tests, no test file imports from another, and one name has one meaning."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from gan_lab.cli.compose import PACKAGE

TESTS = Path(__file__).parent
SOURCES = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py")) if "conf" not in path.parts]
ELSEWHERE = {  # whose tests have another name, for they are the same
    "benchmark_data.py": "benchmark/test_data.py",
    "benchmark_frechet.py": "benchmark/test_frechet.py",
    "training/checked_gan.py": "test_check.py",
    "training/invariants.py": "test_check.py",
    "training/short_run.py": "test_check.py",
    "training/gradcheck.py": "test_check.py",
    "trick/__init__.py": "trick/test_every_trick.py",
    "model/base/module.py": "model/test_every_model.py",
    "model/base/growing.py": "model/test_pggan.py",
    "model/base/step.py": "model/test_gan.py",
}


def is_empty(source: Path) -> bool:
    """An __init__ that says what the room is, and no more."""
    return source.stem == "__init__" and not re.search(r"^(def|class) ", (PACKAGE / source).read_text(), re.MULTILINE)


@pytest.mark.parametrize("source", [source for source in SOURCES if not is_empty(source)], ids=str)
def test_it_has_its_mirror_in_tests(source):
    name = ELSEWHERE.get(source.as_posix(), source.parent / f"test_{source.stem.strip('_')}.py")
    assert (TESTS / name).is_file(), f"tests/{name} is missing"


@pytest.mark.parametrize("path", [path.relative_to(TESTS) for path in sorted(TESTS.rglob("test_*.py"))], ids=str)
def test_it_imports_from_no_other_test_file(path):
    imports = re.findall(r"^\s*(?:from|import) (tests\.\S+)(?: import (\w+))?", (TESTS / path).read_text(), re.MULTILINE)
    assert not [module for module, name in imports if module.rpartition(".")[2].startswith("test_") or name.startswith("test_")]


def test_no_two_public_classes_share_a_name():
    names = Counter(
        node.name
        for source in SOURCES
        for node in ast.parse((PACKAGE / source).read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} == {"Generator", "Discriminator"}  # a pair in each network
