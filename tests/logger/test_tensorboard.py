"""What a run wrote for TensorBoard: read back from its files, and seen in a browser."""

import io
import socket
import subprocess
import sysconfig
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from gan_lab import train
from gan_lab.callback.loss_logger import LossLogger
from gan_lab.errors import InputError
from gan_lab.logger.run import RunDescription
from gan_lab.logger.sections import CLOCKS, section
from gan_lab.logger.tensorboard import tensorboard_logger
from gan_lab.run_folder import read_rows
from gan_lab.training.short_run import equal
from tests.tiny import TINY, fit, tiny, train_into

SHOWN = [*(option for option in TINY if not option.startswith("logger")), "logger=tensorboard", "val_every_images=32"]


def events(folder):
    return EventAccumulator(str(folder / "tensorboard"), {"images": 0, "scalars": 0, "tensors": 0}).Reload()


def scalars(folder):
    """Every curve as (images seen, value)."""
    read = events(folder)
    return {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def start(folder, resumed_at=0):
    choices = {"model": "gan", "seed": 0}
    return tensorboard_logger(RunDescription(str(folder), "a", "b", [], choices, {"metric": None}, resumed_at))


def hparams(read, tag):
    return HParamsPluginData.FromString(read.SummaryMetadata(f"_hparams_/{tag}").plugin_data.content)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_into(
        tmp_path_factory.mktemp("run"),
        "data=digits",
        "model=gan",
        "max_images=64",
        "logger=tensorboard",
        "val_every_images=32",
        "sample_every_images=32",
    )


def test_scalars_are_the_rows_of_a_run_in_sections_over_images_seen(run):
    expected = {}
    for row in [*read_rows(run / "metrics.csv"), *read_rows(run / "resources.csv")]:
        for name in (name for name in row.keys() - set(CLOCKS) if not name.startswith("final/")):
            expected.setdefault(section(name), []).append((row["images_seen"], pytest.approx(row[name])))
    shown = scalars(run)
    assert shown == expected
    assert {"train/d_loss", "watch/d_gap", "val/d_overfit"} <= shown.keys()


def test_the_chosen_checkpoints_values_are_points_in_the_charts_of_validation(run):
    final = read_rows(run / "metrics.csv")[-1]
    read = EventAccumulator(str(run / "tensorboard" / "final")).Reload()
    shown = {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
    told = {name.removeprefix("final/"): value for name, value in final.items() if name.startswith("final/")}
    judged_at = told.pop("images_seen")
    assert shown == {f"val/{name}": [(judged_at, pytest.approx(value))] for name, value in told.items()}
    assert shown.keys() <= scalars(run).keys()


def test_a_row_that_only_lightning_made_stands_over_images_seen_too(tmp_path):
    logger = start(tmp_path)
    logger.log_graph(SimpleNamespace(images_seen=96, g_steps_done=2, d_steps_done=3))
    logger.log_metrics({"mine": 0.25}, step=3)
    logger.close()
    assert scalars(tmp_path)["train/mine"] == [(96, 0.25)]


def test_pictures_are_shown_as_they_were_saved(run):
    shown = events(run).Images("samples/grid")
    files = sorted(run.glob("samples/0*.png"))
    assert [event.step for event in shown] == [int(path.stem) for path in files]
    for event, path in zip(shown, files, strict=True):
        assert np.array_equal(Image.open(io.BytesIO(event.encoded_image_string)), Image.open(path))


def test_lines_are_shown_as_code(tmp_path):
    logger = start(tmp_path)
    logger.log_lines("samples/lines", ["# a", "<b>"], {"images_seen": 8})
    logger.close()
    (text,) = events(tmp_path).Tensors("samples/lines/text_summary")
    assert (text.step, text.tensor_proto.string_val[0].decode()) == (8, "    # a\n    <b>")


def test_the_configuration_is_text_and_its_choices_are_hparams_beside_the_score_that_chooses(run):
    read = events(run)
    (text,) = read.Tensors("config/text_summary")
    assert "image_size: 8" in text.tensor_proto.string_val[0].decode()
    told = hparams(read, "session_start_info").session_start_info.hparams
    assert (told["model"].string_value, told["data"].string_value, told["seed"].number_value) == ("gan", "digits", 0)
    scores = [(info.name.group, info.name.tag) for info in hparams(read, "experiment").experiment.metric_infos]
    assert scores == [("", "val/fd_digits8"), ("final", "val/fd_digits8")]
    assert "val/fd_digits8" in read.Tags()["scalars"]


def test_a_resumed_run_goes_on_in_the_folder_without_what_it_sees_again(tmp_path):
    first = start(tmp_path)
    for images in (10, 20, 30):
        first.log_metrics({"images_seen": images, "d_loss": images / 10})
    first.close()
    second = start(tmp_path, resumed_at=20)
    second.log_metrics({"images_seen": 25, "d_loss": 9.0})
    second.close()
    assert scalars(tmp_path)["train/d_loss"] == [(10, 1.0), (20, 2.0), (25, 9.0)]


def test_what_is_logged_after_the_end_of_fit_takes_nothing_away(tmp_path):
    logger = start(tmp_path)
    logger.log_metrics({"images_seen": 10, "d_loss": 1.0})
    logger.finalize("success")
    logger.log_metrics({"images_seen": 5, "mine": 2.0})
    logger.close()
    assert scalars(tmp_path) == {"train/d_loss": [(10, 1.0)], "train/mine": [(10, 2.0)]}


def test_tensorboard_does_not_change_training(tmp_path):
    logger = start(tmp_path)
    loud = fit(tiny("model=gan"), LossLogger(every_steps=2), logger=logger)
    logger.close()
    assert len(scalars(tmp_path)["train/d_loss"]) == 6
    assert equal(loud, fit(tiny("model=gan")))


def test_the_folder_holds_events_alone_and_the_run_says_how_to_see_them(tmp_path):
    logger = start(tmp_path / "a run")
    logger.finalize("success")
    files = [path.relative_to(tmp_path).parts for path in tmp_path.rglob("*") if path.is_file()]
    assert [(*parts[:-1], parts[-1].split(".")[0]) for parts in files] == [("a run", "tensorboard", "events")]
    assert logger.where() == f"tensorboard --logdir '{tmp_path / 'a run'}'"


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("lightning.fabric.utilities.rank_zero.rank_zero_only.rank", 1)
    logger = start(tmp_path)
    logger.log_metrics({"images_seen": 10, "d_loss": 1.0})
    logger.close()
    assert not list(tmp_path.rglob("events*"))


def test_without_the_package_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("gan_lab.logger.tensorboard.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'gan_lab\[tensorboard\]'$"):
        start(tmp_path)


@contextmanager
def server(folder):
    """The address of a TensorBoard of this folder, on this machine alone."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [
        Path(sysconfig.get_path("scripts"), "tensorboard"),
        "--logdir",
        folder,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def found(browser, selector, what):
    """A property of every element that matches, in shadow trees too."""
    every = (
        "const every = root => [...root.querySelectorAll('*')].flatMap(e => [e, ...(e.shadowRoot ? every(e.shadowRoot) : [])])"
    )
    script = f"{every}; return every(document).filter(e => e.matches(arguments[0])).map(e => e[arguments[1]])"
    return browser.execute_script(script, selector, what)


@pytest.mark.slow
def test_a_browser_shows_the_sections_in_order_and_a_sample_grid(call, browser, tmp_path):
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.wait import WebDriverWait

    folder = call(train.main, *SHOWN) / "run"
    rows = [*read_rows(folder / "metrics.csv"), *read_rows(folder / "resources.csv")]
    names = {section(name) for row in rows for name in row.keys() - set(CLOCKS)}
    cards = {name for name in names if not name.startswith("final/")} | {"samples/grid"}
    side = Image.open(folder / "samples" / "0000000064.png").width
    wait = WebDriverWait(browser, 60, ignored_exceptions=[WebDriverException])  # the server does not answer at once
    with server(folder) as address:
        wait.until(lambda _: browser.get(f"{address}/#timeseries") or True)
        wait.until(lambda _: len(found(browser, "metrics-card-group-toolbar", "innerText")) == 4)
        groups = [text.split()[0].rstrip("0123456789") for text in found(browser, "metrics-card-group-toolbar", "innerText")]
        assert groups == ["samples", "train", "val", "watch"]
        for closed in browser.find_elements("css selector", "metrics-card-group-toolbar button")[2:]:
            closed.click()
        wait.until(lambda _: set(found(browser, "card-view tb-truncated-path", "title")) == cards)
        wait.until(lambda _: found(browser, "image-card img", "naturalWidth") == [side])
        browser.save_screenshot(tmp_path / "time_series.png")

        (tab,) = [tab for tab in browser.find_elements("css selector", "[role=tab]") if tab.text == "IMAGES"]
        tab.click()
        wait.until(lambda _: found(browser, "a > img", "naturalWidth") == [side])
        browser.save_screenshot(tmp_path / "images.png")
