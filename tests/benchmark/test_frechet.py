import json

import pytest
import torch

from gan_lab import benchmark_frechet
from gan_lab.benchmark import frechet
from gan_lab.evaluation.moments import Moments, frechet_distance

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


@pytest.mark.parametrize("wrong", ["samples=[]", "decay=[]", "out=."])
def test_a_command_that_would_end_in_nothing_is_refused_at_once(wrong, call, monkeypatch):
    monkeypatch.setattr(frechet, "measure", None)
    with pytest.raises(SystemExit, match=r"is invalid: give a list|is a folder: name a file in it"):
        call(benchmark_frechet.main, *SMALL, wrong)


def test_torchmetrics_computes_anew_each_time():
    metric = frechet.torchmetrics(torch.randn(20, 4).double(), torch.randn(30, 4).double())
    first = metric.compute()
    metric.update(torch.ones(5, 4).double(), real=False)
    assert metric.compute() != first
    assert metric.compute() is not metric.compute()
    assert first.dtype == torch.float64


def test_variances_fall_and_all_sets_share_a_rotation():
    many = frechet.features(20_000, 8, decay=2.0, seed=0)
    values, vectors = torch.linalg.eigh(torch.cov(many.T))
    assert values.flip(0) == pytest.approx(torch.arange(1, 9).double() ** -2, rel=0.05)
    other = torch.linalg.eigh(torch.cov(frechet.features(20_000, 8, decay=2.0, seed=1).T)).eigenvectors
    assert (vectors.T @ other).abs().diagonal().min() > 0.9


@pytest.mark.parametrize("n", [15, 90])
def test_singular_values_come_to_the_closed_form_of_a_scaling(n):
    x = frechet.features(n, 32, decay=1.0, seed=0)
    y = 2 * x + 3
    expected = (x.mean(0) + 3).square().sum() + torch.cov(x.T).trace()
    assert frechet.by_singular_values(x, y) == pytest.approx(expected.item(), rel=1e-12)
    assert frechet_distance(Moments.of(x), Moments.of(y)) == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("bad", ["decay=[-1]", "d=0", "reals=1", "repeats=0", "samples=[1]", "samples=[a]"])
def test_bad_input(call, bad):
    with pytest.raises(SystemExit, match=r"gan_lab: .*is invalid: give"):
        call(benchmark_frechet.main, *SMALL, bad)
