import json

import pytest
import torch

from gan_lab.benchmark import __main__ as benchmark
from gan_lab.benchmark import contenders, step
from gan_lab.benchmark.step import BASE
from gan_lab.cli.compose import compose

TINY = [
    "network.discriminator.norm=layer",
    "data.image_size=8",
    "data.batch_size=4",
    "network.generator.width=8",
    "network.discriminator.width=8",
    "benchmark.steps=2",
    "benchmark.rounds=2",
]


def test_the_benchmark_measures_settings_beside_a_plain_loop(call, capsys):
    folder = call(benchmark.main, *TINY, "penalty=r1", "benchmark.settings=[plain,plain+fused]", "benchmark.out=new/b.json")
    record = json.loads((folder / "new" / "b.json").read_text())
    assert list(record["rows"]) == [BASE, "plain", "plain+fused"]
    assert record["flops_per_image"] > 0
    assert record["rows"][BASE]["ratio"] == 1
    for name in ("plain", "plain+fused"):
        row = record["rows"][name]
        assert row["speed"]["fused"] == (name == "plain+fused")
        assert row["ratio"] > 0 < row["spread"]
        assert len(row["rounds"]) == 2
        assert 0 < row["share_of_peak"] < 1
        assert list(row["shares"]) == ["data", "D", "G", "penalty", "EMA", "records", "rest"]
        assert sum(row["shares"].values()) == pytest.approx(1)
        assert all(share > 0 for share in row["shares"].values())
        assert list(row["shares_of_terms"]) == ["r1"]
    assert "plain+fused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "reason"), [("benchmark.out=.", r"benchmark\.out=\. is a folder"), ("trainer=ddp", "one is measured")]
)
def test_an_impossible_measurement_is_refused_before_it_begins(option, reason, call, monkeypatch):
    monkeypatch.setattr(step, "measured", None)
    with pytest.raises(SystemExit, match=reason):
        call(benchmark.main, *TINY, option)


@pytest.mark.slow
def test_a_contender_that_does_not_fit_into_memory_is_a_row_of_its_own(monkeypatch, call, capsys):
    def full(loop, steps):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(contenders.Plain, "__call__", full)
    folder = call(benchmark.main, *TINY)
    rows = json.loads((folder / "benchmark.json").read_text())["rows"]
    assert rows[BASE]["failed"] == "out of memory"
    assert rows["gan_lab"]["images_per_second"] > 0
    assert "ratio" not in rows["gan_lab"]
    assert "out of memory" in capsys.readouterr().out


@pytest.mark.slow
def test_a_sweep_ends_with_one_table_one_file_and_a_chart(call, capsys):
    folder = call(benchmark.main, "-m", "model=dcgan,hinge", *TINY, "benchmark.settings=[plain]", "hydra.sweep.dir=sweep")
    records = json.loads((folder / "sweep" / "benchmark.json").read_text())
    assert [record["model"] for record in records] == ["dcgan", "hinge"]
    assert (folder / "sweep" / "benchmark.png").stat().st_size > 1000
    out = capsys.readouterr().out
    assert out[out.rindex("setting") :].count("plain loop") == 2


def test_a_step_is_measured_over_whole_periods():
    cfg = compose("benchmark", ["model=stylegan2", "benchmark.steps=20"])
    assert step.steps_in(1, 1, cfg) == 32
