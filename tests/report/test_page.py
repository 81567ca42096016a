import json
import re
from html.parser import HTMLParser

import pytest

from gan_lab.report import page, runs, tables
from tests.report.folders import FD, config, draw, rows, summary, write_run

HOSTILE = "<img src=x onerror=alert(1)></script><!--"


class Reader(HTMLParser):
    """What a browser would see: the tags, and the texts of tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def render(*folders, others=()):
    return page.render(runs.collect(folders, 12), others)


def data(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL).group(1))


@pytest.fixture
def two(tmp_path):
    """A finished run and one that goes on."""
    return [
        write_run(tmp_path / "a", end=summary()),
        write_run(tmp_path / "b", config("wgan"), rows({100: 50.0, 200: float("nan")})),
    ]


def test_curves_and_grids_lie_in_the_page(two):
    text = render(*two)
    first, second = data(text)["runs"]
    assert first["series"]["val/fd_digits8"] == [[*map(float, pair)] for pair in FD.items()]
    assert second["series"]["val/fd_digits8"] == [[100, 50], [200, None]]
    assert [images for images, *_ in first["grids"]] == [0, 200, 400]
    assert all(uri.startswith("data:image/png;base64,") for _, uri, *_ in first["grids"])
    assert {figure.get("data-metric") for figure in Reader(text).of("figure")} == {"val/fd_digits8", "d_loss"}
    assert data(text)["columns"]["val/fd_digits8"] == {"mode": "min", "baselines": [0.5]}
    assert data(text)["metrics"] == ["val/fd_digits8"]


def test_text_lies_in_the_page_and_is_no_tag(tmp_path):
    folder = write_run(tmp_path / "a", grids=())
    (folder / "samples/0000000200.txt").write_text(f"{HOSTILE}\n\n" + "line\n" * 80)
    text = render(folder)
    ((images, shown),) = data(text)["runs"][0]["grids"]
    assert (images, shown) == (200, "\n".join([HOSTILE, "", *["line"] * 62]))
    assert "onerror" not in str(Reader(text).tags)


def test_evaluations_are_shown_with_their_notes_protocol_and_pictures(tmp_path):
    folder = write_run(tmp_path / "a", end=summary())
    draw(folder / "evaluation" / "quick" / "nearest.png")
    record = {"values": {"kid": {"mean": 0.25}}, "notes": ["few samples"], "protocol": {"n_fake": 4321}}
    (folder / "evaluation" / "quick" / "metrics.json").write_text(json.dumps(record))
    text = render(folder)
    assert "quick: few samples" in text and "4321" in text
    (picture,) = Reader(text).of("img")
    assert picture["alt"] == "quick/nearest.png of a"
    assert picture["src"].startswith("data:image/png")


@pytest.mark.parametrize("record", ["{}", "[1, 2]", '{"values": 3, "notes": 4}', '{"values": {"a": 1}, "notes": "b"}'])
def test_a_record_of_another_form_is_shown_as_it_is(tmp_path, record):
    folder = write_run(tmp_path / "a", end=summary())
    (folder / "evaluation").mkdir()
    (folder / "evaluation" / "x.json").write_text(record)
    assert not tables.evaluations(runs.collect([folder], 0)).rows
    assert ("x.json</summary>" in render(folder)) == (record != "{}")


def test_a_hostile_run_is_text_everywhere(tmp_path):
    name = HOSTILE.replace("/", "")
    cfg = config(seed=HOSTILE, penalty={HOSTILE: {"weight": HOSTILE}}) | {HOSTILE: HOSTILE}
    log = [*rows(), {"images_seen": 500, HOSTILE: 1.0, f"val/{HOSTILE}": 2.0}]
    end = summary(status="failed", error=HOSTILE, device=HOSTILE, primary=HOSTILE)
    folder = write_run(tmp_path / name, cfg, log, end)
    draw(folder / "evaluation" / f"{name}.png")
    values = {HOSTILE: {"mean": 1.0, "better": HOSTILE}}
    (folder / "evaluation" / f"{name}.json").write_text(json.dumps({"values": values, "notes": [HOSTILE], "n": HOSTILE}))
    plain = [write_run(tmp_path / "plain", end=summary())]
    draw(plain[0] / "evaluation" / "a.png")
    (plain[0] / "evaluation" / "a.json").write_text("{}")
    text = render(folder, *plain, others=[HOSTILE])
    read = Reader(text)
    assert len(read.of("img")) == 2
    assert not [attrs for _, attrs in read.tags if any(key.startswith("on") for key in attrs)]
    assert len(read.of("script")) == text.count("</script>") == 2
    assert text.count("<!--") == 0
    told = " ".join(data for _, data in read.texts)
    assert told.count(HOSTILE) >= 5
    assert data(text)["runs"][0]["title"].startswith(HOSTILE)


def test_the_page_needs_no_network_and_allows_none(two):
    text = render(*two)
    assert not re.search(r"https?://|@import|url\(|//cdn|src=\"(?!data:)|<link", text)
    (policy,) = [meta["content"] for meta in Reader(text).of("meta") if meta.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_no_other_script_than_ours_may_run(two):
    import base64
    import hashlib

    text = render(*two)
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL).group(1)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in text


def test_a_phone_is_told_the_width(two):
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in Reader(render(*two)).of("meta")
    assert "prefers-color-scheme: dark" in render(*two)


def test_single_values_are_folded_away_and_curves_are_not(tmp_path):
    log = [{"images_seen": n, "d_loss": 1.0} for n in (1, 2)] + [{"images_seen": 2, "val/fd_digits8": 3.0}]
    text = render(write_run(tmp_path / "a", log=log))
    parts = re.findall(r"<details (open)?\s*>\s*<summary><h3>(.*?)</h3>.*?</details>", text, re.DOTALL)
    assert parts == [("open", "Losses"), ("", "Single values")]


def test_a_default_page_never_takes_the_place_of_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(3):
        names.append(page.free().name)
        page.free().touch()
    assert names == ["report.html", "report-2.html", "report-3.html"]
