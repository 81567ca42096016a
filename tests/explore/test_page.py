"""The page of `gan_lab.explore`; what the browser does with it is among the slow tests."""

import base64
import re
import signal
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.explore import page
from gan_lab.explore.explorer import Explorer
from tests.sampling.runs import request
from tests.tiny import TINY_IMAGES, train_into


def test_values_of_the_controls_become_a_viewpoint():
    explorer = Explorer(request("cgan"), 2)
    view = page.viewpoint(explorer, 3, 0.5, "1", 0.0, -1.0)
    assert view.name == "seed 3, class 1, truncation 0.5, direction 2 -1"
    assert page.viewpoint(explorer, None, 4.0, "1", 0.0, 0.0).name == "seed 0, class 1"  # an empty field, no truncation
    assert page.viewpoint(Explorer(request("uniform")), 1, 1.0).name == "seed 1"


def test_each_number_of_a_label_is_a_value_of_its_own():
    explorer = Explorer(request("ccgan"), 2)
    assert page.viewpoint(explorer, 3, 4.0, 0.5, 0.25, 0.0, -1.0).name == "seed 3, label (0.5, 0.25), direction 2 -1"


def test_a_figure_holds_the_picture_and_its_download():
    explorer = Explorer(request("cgan"), 1)
    view = explorer.viewpoint(3, "1", None, [2.0])
    found = page.figure(explorer, view)
    assert re.findall('(?:src|href)=[^>]*base64,([^"]+)', found) == [base64.b64encode(explorer.png(view)).decode()] * 2
    assert 'download="seed_3_class_1_direction_1_+2.png"' in found


def test_the_name_of_a_class_is_no_markup():
    explorer = Explorer(request("cgan"), 1)
    view = explorer.viewpoint(0)
    object.__setattr__(view, "name", '<img src=x onerror=alert(1)> "')
    for made in (page.figure(explorer, view), page.thumbnail(explorer, view)):
        assert made.count("<img") == 1 and 'alt="&lt;img' in made


# ----- in a browser ------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(browser):
    """The page of an untrained conditional GAN."""
    explorer = Explorer(request("cgan"), 3)
    made = page.build(explorer, 3.0, "a title")
    browser.get(page.serve(made, None, False))
    yield browser, explorer
    made.close()
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def until(browser, condition):
    """Wait until a condition holds, and return its value."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 120).until(lambda _: condition())


def said(browser):
    return browser.execute_script("return document.querySelector('.picture p')?.textContent")


def press(browser, text):
    script = "[...document.querySelectorAll('button')].find(e => e.textContent.trim() == arguments[0]).click()"
    browser.execute_script(script, text)


def enter(browser, label, value):
    """Move the slider, or fill the field, whose label begins so."""
    script = """
        const label = [...document.querySelectorAll('label')].find(e => e.textContent.trim().startsWith(arguments[0]));
        const field = (label.closest('.block') ?? label.parentElement).querySelector('input[type=range], input[type=number]');
        field.value = arguments[1];
        for (const kind of ['input', 'change', 'pointerup']) field.dispatchEvent(new Event(kind, {bubbles: true}));
    """
    browser.execute_script(script, label, value)


@pytest.mark.slow
def test_the_controls_change_the_picture(opened):
    browser, explorer = opened
    until(browser, lambda: said(browser) == "seed 0, class 0")
    enter(browser, "seed", 5)
    until(browser, lambda: said(browser) == "seed 5, class 0")
    enter(browser, "2 (gain", 1.5)
    until(browser, lambda: said(browser) == "seed 5, class 0, direction 2 +1.5")
    shown = browser.execute_script("return document.querySelector('.picture img').src")
    view = explorer.viewpoint(5, "0", None, [0.0, 1.5, 0.0])
    assert shown == page.source_of(explorer.png(view))
    assert browser.execute_script("return document.querySelector('.picture a').href") == shown
    press(browser, "keep as A")
    until(browser, lambda: browser.find_elements("css selector", ".kept img"))
    press(browser, "all to 0")
    until(browser, lambda: said(browser) == "seed 5, class 0")
    press(browser, "keep as B")
    until(browser, lambda: len(browser.find_elements("css selector", ".kept img")) == 2)
    enter(browser, "from A to B", 0.25)
    until(browser, lambda: said(browser).startswith("0.25 from (seed 5, class 0, direction 2 +1.5) to (seed 5, class 0)"))
    press(browser, "another seed")
    until(browser, lambda: said(browser).startswith("seed ") and said(browser) != "seed 5, class 0")


@pytest.mark.slow
def test_a_label_of_two_numbers_has_two_sliders(browser):
    asked = request("ccgan")
    asked.gan.take_labels(torch.tensor([[0.0, -3.0], [1.0, 30.0]]))
    explorer = Explorer(asked, 1)
    made = page.build(explorer, 3.0, "a title")
    browser.get(page.serve(made, None, False))
    until(browser, lambda: said(browser) == "seed 0, label (0, -3)")
    enter(browser, "label 2", 12.5)
    until(browser, lambda: said(browser) == "seed 0, label (0, 12.5)")
    enter(browser, "label 1", 0.25)
    until(browser, lambda: said(browser) == "seed 0, label (0.25, 12.5)")
    shown = browser.execute_script("return document.querySelector('.picture img').src")
    assert shown == page.source_of(explorer.png(explorer.viewpoint(0, [0.25, 12.5])))
    made.close()


@pytest.mark.slow
def test_a_port_that_is_taken_is_refused():
    with socket.socket() as other, pytest.raises(InputError, match=r"of this machine cannot be served.*give explore\.port="):
        other.bind((page.HOST, 0))
        other.listen()
        page.serve(page.build(Explorer(request("cgan"), 1), 3.0, ""), other.getsockname()[1], False)


@pytest.mark.slow
def test_the_command_serves_until_it_is_interrupted(tmp_path):
    small = ["network.generator.width=8", "network.discriminator.width=8", "max_images=8", "metric=none"]
    train_into(tmp_path / "run", "model=cgan", *TINY_IMAGES, *small)
    arguments = [sys.executable, "-m", "gan_lab.explore", "run=run"]
    with subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        found = re.search(r"run/checkpoints/\S+ at 8 images -> (http://127\.0\.0\.1:\d+/)", process.stdout.readline())
        with urlopen(found[1]) as answer:
            assert answer.status == 200
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
