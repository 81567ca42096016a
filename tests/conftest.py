"""Fixtures that all tests share."""

import functools
import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: more threads make small networks many times slower

import pytest
from lightning.fabric.utilities import registry


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which stay: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory) -> Iterator[Path]:
    """No test reads or writes the user's own cache of real features."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_LAB_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True, scope="session")
def plugins() -> Iterator[None]:
    """Lightning's Trainer looks for plugins in all installed packages, a tenth of a second each time: once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", functools.cache(registry.entry_points))
        yield


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


@pytest.fixture
def browser(tmp_path):
    """Headless Chromium, driven by selenium."""
    from selenium import webdriver

    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    assert all(paths), "there is no chromium with its chromedriver: make test-slow installs both"
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1400,5000", f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(paths[1]))
    yield driver
    driver.quit()
