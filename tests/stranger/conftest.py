"""The fixture of these tests."""

import sys

import pytest

from tests.stranger.lab import Lab


@pytest.fixture
def lab(call, tmp_path):
    """A researcher's own empty folder; nothing of it stays behind."""
    yield Lab(call, tmp_path)
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]
