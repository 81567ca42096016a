import sys

import pytest

from gan_lab.errors import InputError
from gan_lab.export.bundle import bundle
from gan_lab.network import stylegan
from gan_lab.network.growing import GrowthLevel

PARTS = '''
import math
from functools import partial

RATE = 2
"""A text of its own."""

def up(x):
    return x * RATE

def norm(x):
    return up(x)

TABLE = {"up": up, "é": norm}
'''
USER = '''
from collections.abc import Mapping
import my_bundle_parts as unused
from my_bundle import parts
from my_bundle.parts import TABLE

def up(x):
    """Another one."""
    return -x

def unneeded():
    return 1

class Net:
    norm = "a class's own"

    def __init__(self, up: int, norm: str = "é") -> None:
        self.made = parts.up(up) + TABLE[norm](up)  # é: columns are counted in bytes
        self.list = [parts for parts in (up,)]

    def negative(self, x):
        return up(x)
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "my_bundle").mkdir()
    (tmp_path / "my_bundle/__init__.py").touch()
    (tmp_path / "my_bundle/parts.py").write_text(PARTS)
    (tmp_path / "my_bundle/net.py").write_text(USER.replace("import my_bundle_parts as unused\n", ""))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("my_bundle")]:
        del sys.modules[name]


def test_what_the_roots_need_is_there_under_names_that_nothing_hides(package):
    from my_bundle.net import Net

    made = bundle([Net])
    namespace = {}
    exec(f"from __future__ import annotations\n{made.imports}\n{made.text}", namespace)
    net = namespace[made.names[Net]](3)
    assert (net.made, net.list, net.negative(3), net.norm) == (12, [3], -3, "a class's own")
    assert "unneeded" not in made.text
    assert '"""A text of its own."""' in made.text
    assert made.imports == ""  # math, partial and Mapping are not used


def test_names_that_modules_share_are_told_apart_and_ranges_are_plain_types():
    made = bundle([stylegan.Generator, GrowthLevel])
    assert "def pggan_activated(" in made.text
    assert "def equalized_activated(" in made.text
    assert "Size = int\n" in made.text
    assert "annotated_types" not in made.imports


def test_a_package_beside_torch_is_refused(package):
    (package / "my_bundle/net.py").write_text(
        "import numpy as np\n\nclass Net:\n    def f(self):\n        return np.zeros(1)\n"
    )
    from my_bundle.net import Net

    with pytest.raises(InputError, match=r"the generator needs numpy, and network.py shall need torch alone"):
        bundle([Net])


def test_a_class_within_a_function_is_refused():
    class Inner:
        pass

    with pytest.raises(InputError, match=r"does not define .*Inner at its top"):
        bundle([Inner])
