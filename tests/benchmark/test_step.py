import json

import pytest

from gan_lab.benchmark import __main__ as benchmark
from gan_lab.benchmark import step
from gan_lab.cli.compose import compose


def test_the_benchmark_prints_and_writes_three_speeds_and_two_ratios(call, capsys):
    small = [
        "penalty=r1",
        "network.discriminator.norm=layer",
        "data.image_size=8",
        "data.batch_size=4",
        "network.generator.width=8",
        "network.discriminator.width=8",
    ]
    folder = call(benchmark.main, *small, "benchmark.steps=2", "benchmark.rounds=1", "benchmark.warmup=1")
    record = json.loads((folder / "benchmark.json").read_text())
    assert set(record["images_per_second"]) == {"gan_lab", "plain loop, same settings", "plain loop, float32", "without r1"}
    assert list(record["share_of_terms"]) == ["r1"]
    assert sum(record["share_of_parts"].values()) == pytest.approx(1, abs=0.01)
    assert all(share > 0 for share in record["share_of_parts"].values())
    assert all(speed > 0 for speed in record["images_per_second"].values())
    assert set(record["ratio"]) == {"plain loop, same settings", "plain loop, float32"}
    assert "gan_lab's ratio" in capsys.readouterr().out


def test_lazy_terms_are_measured_over_whole_intervals():
    assert [step.whole_intervals(compose("benchmark", [f"model={name}"])) for name in ("dcgan", "stylegan2", "wgan_gp")] == [
        20,
        32,
        20,
    ]


def test_the_ratio_is_the_median_over_rounds():
    assert step.ratio([2.0, 4.0, 100.0], [1.0, 4.0, 10.0]) == 2.0
