"""`python -m gan_lab.benchmark_frechet`, called as a command."""

import json

import pytest

from gan_lab import benchmark_frechet

SMALL = ["d=32", "reals=200", "samples=[20,100]", "repeats=3"]


def test_it_prints_and_writes_seconds_ratios_and_errors(call, capsys):
    folder = call(benchmark_frechet.main, *SMALL)
    record = json.loads((folder / "benchmark_frechet.json").read_text())
    assert [(row["decay"], row["n"]) for row in record["rows"]] == [(1, 20), (1, 100), (2, 20), (2, 100)]
    for row in record["rows"]:
        assert all(len(rounds) == 3 and min(rounds) > 0 for rounds in row["rounds"].values())
        assert row["ratio"] == row["seconds"]["torchmetrics"] / row["seconds"]["gan_lab"]
        assert row["error"]["gan_lab"] < 1e-10
        assert row["error"]["torchmetrics"] < 1e-3
    out = capsys.readouterr().out
    assert all(word in out for word in ("32 features", "samples", "ratio", "decay", "error", "took"))
    assert [path.name for path in folder.iterdir()] == ["benchmark_frechet.json"]


@pytest.mark.parametrize("bad", ["decay=[-1]", "d=0", "reals=1", "repeats=0", "samples=[1]", "samples=[a]"])
def test_bad_input(call, bad):
    with pytest.raises(SystemExit, match=r"gan_lab: .*cannot be: give"):
        call(benchmark_frechet.main, *SMALL, bad)
