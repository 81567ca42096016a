"""The house: every source file has its mirror in tests, no test file imports from another, and one name has one meaning."""

import ast
import re
from collections import Counter
from pathlib import Path

from gan_lab.cli.compose import PACKAGE

TESTS = Path(__file__).parent
SOURCES = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py")) if "conf" not in path.parts]
ELSEWHERE = {  # whose tests have another name, for they are the same
    "benchmark_data.py": "benchmark/test_data.py",
    "benchmark_frechet.py": "benchmark/test_frechet.py",
    "cli/groups.py": "cli/test_schema.py",
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


def test_every_source_file_has_its_mirror_in_tests():
    mirrors = [
        TESTS / ELSEWHERE.get(source.as_posix(), source.parent / f"test_{source.stem.strip('_')}.py")
        for source in SOURCES
        if not is_empty(source)
    ]
    assert len(mirrors) > 150
    assert not [path for path in mirrors if not path.is_file()]


def test_no_test_file_imports_from_another():
    pattern = re.compile(r"^\s*(?:from|import) (tests\.\S+)(?: import (\w+))?", re.MULTILINE)
    imports = [(path, *found) for path in TESTS.rglob("test_*.py") for found in pattern.findall(path.read_text())]
    assert imports
    assert not [each for each in imports if each[1].rpartition(".")[2].startswith("test_") or each[2].startswith("test_")]


def test_no_two_public_classes_share_a_name():
    names = Counter(
        node.name
        for source in SOURCES
        for node in ast.parse((PACKAGE / source).read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} == {"Generator", "Discriminator"}  # a pair in each network
