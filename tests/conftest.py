"""Fixtures that all tests share."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def call(monkeypatch, tmp_path) -> Callable[..., Path]:
    """Calls a command's ``main()`` in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")

    def run(main: Callable[[], None], *arguments: str) -> Path:
        monkeypatch.setattr(sys, "argv", ["gan_lab", *arguments])
        main()
        return tmp_path

    return run
