import json

from gan_lab.benchmark import __main__ as benchmark
from gan_lab.benchmark import step


def test_the_benchmark_prints_and_writes_three_speeds_and_two_ratios(call, capsys):
    small = ["data.image_size=8", "data.batch_size=4", "network.generator.width=8", "network.discriminator.width=8"]
    folder = call(benchmark.main, *small, "benchmark.steps=2", "benchmark.rounds=1", "benchmark.warmup=1")
    record = json.loads((folder / "benchmark.json").read_text())
    assert set(record["images_per_second"]) == {"gan_lab", "plain loop, same settings", "plain loop, float32"}
    assert all(speed > 0 for speed in record["images_per_second"].values())
    assert set(record["ratio"]) == {"plain loop, same settings", "plain loop, float32"}
    assert "gan_lab's ratio" in capsys.readouterr().out


def test_the_ratio_is_the_median_over_rounds():
    assert step.ratio([2.0, 4.0, 100.0], [1.0, 4.0, 10.0]) == 2.0
