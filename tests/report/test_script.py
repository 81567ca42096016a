"""The page in a browser: what its script draws and does."""

from functools import partial

import pytest

from gan_lab.report import page, runs
from gan_lab.run_folder import find
from tests.report.folders import config, draw, rows, summary, write_run

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(browser, tmp_path):
    """A page of four runs, one of them failed, with a name that is no tag and a long one."""
    ends = [summary(), summary(images_per_second=100.0, seconds=9), None]
    ends.append(summary(status="failed", error="diverged", seconds=99.9))
    logs = [rows(), rows({100: 9.0, 200: 8.0}), rows({100: 80.0}), []]
    names = ["one", "two", "a_name_that_goes_on_" * 5, "<img src=x onerror=alert(1)>"]
    for seed, (name, log, end) in enumerate(zip(names, logs, ends, strict=True)):
        write_run(tmp_path / "runs" / name, config(seed=name if seed > 1 else seed), log, end, grids=range(0, 500, 100))
    draw(tmp_path / "runs/one/evaluation/nearest.png")
    (tmp_path / "runs/one/evaluation/all.json").write_text('{"values": {"kid": {"mean": 1, "sd": 2}}}')
    folders, _ = find([str(tmp_path / "runs" / name) for name in names])
    (tmp_path / "report.html").write_text(page.render(runs.collect(folders, 12)))
    browser.get(f"file://{tmp_path}/report.html")
    yield browser
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def texts(browser, selector):
    return browser.execute_script("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)


def count(browser, selector):
    return len(browser.find_elements("css selector", selector))


def enter(browser, selector, value, kind="input"):
    script = "const e = document.querySelector(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event(arguments[2]))"
    browser.execute_script(script, selector, value, kind)


def test_a_click_on_a_header_sorts_by_number_and_empty_cells_stand_last(opened):
    headers = texts(opened, "#overview th")

    def values(name):
        return texts(opened, f"#overview td:nth-child({1 + headers.index(name)})")

    def click(name):
        button = opened.find_elements("css selector", "#overview th button")[headers.index(name)]
        opened.execute_script("arguments[0].focus()", button)  # brings it out from below the first column, which stays
        button.click()

    assert values("time") == ["8 s", "9 s", "", "99.9 s"]
    click("time")
    assert values("time") == ["8 s", "9 s", "99.9 s", ""]
    click("time")
    assert values("time") == ["99.9 s", "9 s", "8 s", ""]
    click("status")
    assert values("status") == ["failed", "finished", "finished", "unfinished"]


def test_sliders_turn_one_run_and_all(opened):
    assert count(opened, "#grids figure") == 4
    told = partial(texts, opened, "#grids p")
    first = opened.find_element("css selector", "#grids img").get_attribute("src")
    assert told() == ["400 images"] * 4
    enter(opened, "#grids input", 1)
    assert told() == ["100 images", *["400 images"] * 3]
    assert opened.find_element("css selector", "#grids img").get_attribute("src") != first
    enter(opened, "#together", 500)
    assert told() == ["200 images"] * 4
    assert all(opened.execute_script("return [...document.images].map(i => i.complete && i.naturalWidth > 0)"))


def test_a_value_tells_images_and_seconds(opened):
    enter(opened, "#value", 20)
    cells = texts(opened, "#reached td")
    table = [cells[start : start + 4] for start in range(0, len(cells), 4)]
    assert table[0][1:] == ["100", "about 1", "8 at 200"]
    assert table[1][1:] == ["300", "about 6", "10 at 300"]
    assert table[2][1:] == ["not reached", "", "80 at 100"]
    enter(opened, "#direction", "max", "change")
    enter(opened, "#value", 85)
    assert texts(opened, "#reached td")[1] == "100"
    assert texts(opened, "#reached td").count("not reached") == 2


def test_chips_hide_runs_and_the_scale_can_be_logarithmic(opened):
    lines = ".chart[data-metric='val/fd_digits8'] path.line"
    opened.find_element("id", "average").click()
    assert count(opened, lines) == 3
    opened.find_elements("css selector", ".chip")[0].click()
    assert count(opened, lines) == 2
    assert [each.is_displayed() for each in opened.find_elements("css selector", "#grids figure")] == [False, True, True, True]
    opened.find_element("id", "none").click()
    assert count(opened, lines) == 0
    opened.find_element("id", "all").click()
    before = opened.find_element("css selector", lines).get_attribute("d")
    opened.find_element("id", "log").click()
    assert opened.find_element("css selector", lines).get_attribute("d") != before


def test_a_mouse_over_a_curve_shows_the_values_there(opened):
    from selenium.webdriver import ActionChains

    opened.find_element("id", "average").click()
    chart = opened.find_element("css selector", ".chart[data-metric='val/fd_digits8']")
    ActionChains(opened).move_to_element(chart.find_element("tag name", "svg")).perform()
    tip = chart.find_element("class name", "tip")
    assert tip.is_displayed()
    assert tip.text.splitlines()[0] == "200 images"
    assert {"40", "8", "80"} <= set(tip.text.split())
    ActionChains(opened).move_to_element(opened.find_element("tag name", "h1")).perform()
    assert not tip.is_displayed()


def test_a_slider_turns_text(browser, tmp_path):
    folder = write_run(tmp_path / "run", grids=())
    for images in (0, 200):
        (folder / f"samples/{images:010d}.txt").write_text(f"{images}\n<b>two</b>\n")
    (tmp_path / "report.html").write_text(page.render(runs.collect([folder], 12)))
    browser.get(f"file://{tmp_path}/report.html")
    assert texts(browser, "#grids pre") == ["200\n<b>two</b>"]
    enter(browser, "#grids input", 0)
    assert texts(browser, "#grids pre") == ["0\n<b>two</b>"]
    assert count(browser, "#grids img") == 0


def test_a_hostile_name_is_shown_and_does_nothing(opened):
    opened.find_element("id", "average").click()
    assert "<img src=x onerror=alert(1)>" in " ".join(texts(opened, ".chip"))
    assert count(opened, "img:not(.enlarge)") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(opened, scheme, tmp_path):
    device = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    opened.refresh()
    for details in opened.find_elements("css selector", "details:not([open]) > summary"):
        details.click()
    inside, width = opened.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert inside <= width == 390
    ground = opened.execute_script("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (ground < 50) == (scheme == "dark")
    assert count(opened, ".chart path.line") > 0
    opened.save_screenshot(tmp_path / f"{scheme}.png")


@pytest.fixture
def swept(browser, tmp_path):
    """A page of two rates with two seeds each."""
    for job, (rate, seed) in enumerate((rate, seed) for rate in (0.1, 0.2) for seed in (0, 1)):
        log, end = rows({100: 90.0 + seed, 400: 10.0 + 2 * seed}), summary(images_per_second=100.0 * (job + 1))
        folder = write_run(tmp_path / str(job), config(seed=seed, optimizer={"d": {"lr": rate}}), log, end)
        (folder / ".hydra").mkdir()
        (folder / ".hydra/overrides.yaml").write_text(f"[optimizer.d.lr={rate}, seed={seed}]")
    (tmp_path / "report.html").write_text(page.render(runs.collect([tmp_path / str(job) for job in range(4)], 12)))
    browser.get(f"file://{tmp_path}/report.html")
    yield browser
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_seeds_are_averaged_with_a_band(swept):
    chart = ".chart[data-metric='val/fd_digits8']"
    assert (count(swept, f"{chart} path.line"), count(swept, f"{chart} .band")) == (2, 2)
    assert texts(swept, ".chip") == ["d.lr=0.1", "d.lr=0.2"]
    script = "return averaged([[[0, 1], [4, 5]], [[0, 3], [2, 5], [4, 9]]])"
    assert swept.execute_script(script) == [[0, 2, pytest.approx(2**0.5)], [4, 7, pytest.approx(8**0.5)]]
    swept.find_element("id", "average").click()
    assert (count(swept, f"{chart} path.line"), count(swept, f"{chart} .band")) == (4, 0)


def test_smoothing_keeps_the_values_faint_behind_it(swept):
    enter(swept, "#smoothing", 0.5)
    assert count(swept, ".chart[data-metric='val/fd_digits8'] path.raw") == 2
    smoothed = swept.execute_script("return smooth([[0, 1], [1, 3], [2, null], [3, 3]])")
    assert smoothed == [[0, 1], [1, pytest.approx(7 / 3)], [2, None], [3, pytest.approx(19 / 7)]]  # debiased by 1 - 0.5^n


def test_a_metric_stands_over_each_option_and_costs_are_bars(swept):
    dots = "#optionCharts .chart[data-option='optimizer.d.lr'] circle"
    assert count(swept, dots) == 4
    assert (
        len(set(swept.execute_script("return [...document.querySelectorAll(arguments[0])].map(e => e.cx.baseVal.value)", dots)))
        == 2
    )
    assert texts(swept, "#costs figure:first-child .bar b") == ["150", "350"]


def test_a_search_leaves_the_runs_that_match(swept):
    enter(swept, "#search", "seed=1 LR=0.2")
    assert [row.is_displayed() for row in swept.find_elements("css selector", "#overview tbody tr")] == [
        False,
        False,
        False,
        True,
    ]
    assert count(swept, "#optionCharts circle") == 1
    assert texts(swept, ".chip") == ["d.lr=0.2"]
    enter(swept, "#search", "")
    assert count(swept, ".chip") == 2


def test_a_phone_shows_an_evaluation_as_a_card_per_run(opened):
    assert [opened.find_element("id", name).is_displayed() for name in ("evaluations", "cards")] == [True, False]
    device = {"width": 400, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    opened.refresh()
    assert [opened.find_element("id", name).is_displayed() for name in ("evaluations", "cards")] == [False, True]
    (card,) = opened.find_elements("css selector", "#cards tbody tr")
    assert 300 < card.size["width"] < 400
    assert texts(opened, "#cards td") == ["seed=0", "1 ± 2"]


def test_a_phone_shows_a_card_per_run(swept):
    device = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    swept.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    swept.refresh()
    cards = swept.find_elements("css selector", "#overview tbody tr")
    assert all(300 < card.size["width"] < 390 and card.size["height"] < 300 for card in cards)
    assert swept.execute_script("return document.documentElement.scrollHeight") < 8000
