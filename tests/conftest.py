"""Fixtures that all tests share. They import what is heavy themselves: the process that only hands out tests needs no torch."""

import functools
import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: more threads make small networks many times slower

import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background


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


@pytest.fixture(autouse=True)
def torch_generator() -> None:
    """A test's networks begin alike, whichever tests ran before it."""
    import torch

    torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def plugins() -> Iterator[None]:
    """Lightning's Trainer looks for plugins in all installed packages, a tenth of a second each time: once is enough."""
    from lightning.fabric.utilities import registry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", functools.cache(registry.entry_points))
        yield


@pytest.fixture(autouse=True, scope="session")
def workers() -> Iterator[None]:
    """torch waits five seconds for each worker of a DataLoader that met an exception."""
    from torch.utils.data import _utils as data_utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_utils, "MP_STATUS_CHECK_INTERVAL", 0.3)
        yield


@pytest.fixture(autouse=True, scope="session")
def copies() -> Iterator[None]:
    """deepcopy takes the metadata of each value of a configuration apart: more than half of the time of a copy."""
    from omegaconf.base import Metadata

    def copied(metadata: Any, memo: dict[int, Any]) -> Any:
        made = copy(metadata)
        made.flags, cache = dict(made.flags), made.resolver_cache
        made.resolver_cache = deepcopy(cache, memo) if cache else cache.copy()
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Metadata, "__deepcopy__", copied, raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def interpolations() -> Iterator[None]:
    """OmegaConf parses ``${data.channels}`` anew wherever it stands, a tenth of what building takes: once is enough."""
    from omegaconf import base

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "parse", functools.cache(base.parse))
        yield


@pytest.fixture(autouse=True, scope="session")
def yaml_files() -> Iterator[None]:
    """Composing takes two fifths of the suite, half of it for what Hydra does anew for each of forty files: once is enough."""
    from hydra._internal import defaults_list
    from hydra._internal.sources_registry import SourcesRegistry
    from hydra.core.plugins import Plugins

    parsed: dict[Any, Any] = {}
    Plugins.instance()  # loads its own copy of the class
    files, packaged = (SourcesRegistry.instance().resolve(kind) for kind in ("file", "pkg"))
    load, load_packaged, choices = files.load_config, packaged.load_config, defaults_list._create_interpolation_map

    def load_once(source: Any, config_path: str) -> Any:
        path = Path(source.path, source._normalize_file_name(config_path))
        if not path.is_file():
            return load(source, config_path)
        key = (str(path), path.stat().st_mtime_ns)
        if key not in parsed:
            parsed[key] = load(source, config_path)
        return deepcopy(parsed[key])

    def load_packaged_once(source: Any, config_path: str) -> Any:
        key = (source.path, config_path)
        if key not in parsed:
            parsed[key] = load_packaged(source, config_path)
        return deepcopy(parsed[key])

    def choices_if_asked(overrides: Any, defaults: list[Any], self_added: bool) -> Any:
        return choices(overrides, defaults, self_added) if any(entry.is_interpolation() for entry in defaults) else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "load_config", load_once)
        patch.setattr(packaged, "load_config", load_packaged_once)
        patch.setattr(defaults_list, "_create_interpolation_map", choices_if_asked)
        yield


@pytest.fixture(autouse=True, scope="session")
def compositions(yaml_files) -> Iterator[None]:
    """The same choice of groups makes the same configuration, before its values are overridden: once is enough."""
    from hydra._internal import config_loader_impl, defaults_list
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.config_repository import ConfigRepository

    made: dict[Any, Any] = {}
    list_defaults, compose_defaults = (
        config_loader_impl.create_defaults_list,
        ConfigLoaderImpl._compose_config_from_defaults_list,
    )

    def once(repo: Any, key: Any, make: Callable[[], Any]) -> Any:
        if any(
            source.provider == "command-line" for source in repo.get_sources()
        ):  # a folder of the test's, which it may change
            return make()
        if key not in made:
            made[key] = make()
        return made[key]

    def list_once(repo: Any, config_name: Any, overrides_list: list[Any], **options: Any) -> Any:
        values = defaults_list.Overrides(repo, overrides_list).config_overrides
        chosen = tuple(str(override.input_line) for override in overrides_list if override not in values)
        key = (config_name, chosen, *options.values())
        found = once(repo, key, lambda: list_defaults(repo, config_name, overrides_list, **options))
        return replace(found, config_overrides=values)

    def compose_once(loader: Any, defaults: list[Any], repo: Any) -> Any:
        return deepcopy(once(repo, str(defaults), lambda: compose_defaults(loader, defaults, repo)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config_loader_impl, "create_defaults_list", list_once)
        patch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", compose_once)
        patch.setattr(
            ConfigRepository, "__deepcopy__", lambda repo, memo: copy(repo), raising=False
        )  # its parts stay as they are
        yield


@pytest.fixture
def call(monkeypatch, tmp_path) -> Callable[..., Path]:
    """Calls a command's ``main()`` in this process, in a folder of its own; unless asked, ``curves.png`` stays empty."""
    from tests.tiny import no_curves

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(sys, "path", sys.path[:])  # to which a command adds this folder

    def run(main: Callable[[], None], *arguments: str, curves: bool = False) -> Path:
        if not curves:
            no_curves(monkeypatch)
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
