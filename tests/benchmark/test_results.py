import json

from gan_lab.benchmark.results import deviation, ratios, show_sweep

PLAIN = {"images_per_second": 10.0, "ratio": 1.0, "spread": 0.0, "peak_memory_mib": None, "share_of_peak": 0.25}
FAST = PLAIN | {"images_per_second": 32.0, "ratio": 3.2, "spread": 0.02, "peak_memory_mib": 1234, "shares": {"data": 0.07}}
RECORD = {
    "model": "dcgan",
    "batch": [64, 3, 64, 64],
    "rows": {"plain loop": PLAIN, "fast": FAST, "plain+compile": {"failed": "out of memory"}},
    "flops_per_image": 2.5e9,
    "device": "a card",
    "threads": 1,
    "torch": "2.14",
}


def test_a_row_has_its_numbers_and_dashes_where_there_are_none(tmp_path, capsys):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "benchmark.json").write_text(json.dumps(RECORD))
    assert show_sweep(tmp_path) is False
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "64x3x64x64" in line]
    assert rows[0][2:] == ["plain", "loop", "10.0", "1.00", *["-"] * 9, "2.5", "25.0%"]
    assert rows[1][2:] == ["fast", "32.0", "3.20", "±", "0.06", "7%", *["-"] * 7, "1,234", "2.5", "25.0%"]
    assert rows[2][2:] == ["plain+compile", "out", "of", "memory"]


def test_a_job_that_left_no_record_failed(tmp_path, capsys):
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
    (tmp_path / "1" / "summary.json").write_text(json.dumps({"status": "failed", "error": "no such thing"}))
    assert show_sweep(tmp_path) is True
    assert "failed     " + str(tmp_path / "1") + ": no such thing" in capsys.readouterr().out
    assert json.loads((tmp_path / "benchmark.json").read_text()) == []


def test_the_chart_has_the_ratios_that_were_measured():
    assert ratios(RECORD) == {"fast": (3.2, 0.064)}
    assert deviation(FAST | {"spread": None}) == ""
