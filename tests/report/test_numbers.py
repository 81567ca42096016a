import pytest
from omegaconf import OmegaConf

from gan_lab.report import numbers, runs
from tests.report.folders import config, rows, summary, write_run


def collect(*folders):
    return runs.collect(folders, 0)


def test_long_losses_are_thinned_and_metrics_are_not(tmp_path):
    log = [{"images_seen": n, "d_loss": n / 3, "val/fd_digits8": n / 3} for n in range(1, 2002)]
    (run,) = numbers.numbers(collect(write_run(tmp_path / "a", log=log)))["runs"]
    losses = run["series"]["d_loss"]
    assert len(losses) <= numbers.MOST_POINTS + 1
    assert (losses[0], losses[-1]) == ((1, 0.333333), (2001, 667))
    assert run["series"]["val/fd_digits8"] == [(n, n / 3) for n in range(1, 2002)]


def test_runs_of_several_metrics_and_without_any_stand_in_one_page(tmp_path):
    none = summary(primary=None, mode=None, scores={}, baseline={}, final_judgement={"scores": {}})
    found = collect(
        write_run(tmp_path / "none", config(metric=None, primary=None, primary_mode=None), rows()[4:], none, grids=()),
        write_run(
            tmp_path / "modes", log=[{"images_seen": 5, "val/modes": 8}], end=summary(primary="modes", mode="max", scores={})
        ),
    )
    assert numbers.numbers(found)["columns"] == {
        "val/modes": {"mode": "max", "baselines": []},
        "d_loss": {"mode": None, "baselines": []},
    }


def test_speed_and_memory_are_curves_of_their_own(tmp_path):
    folder = write_run(tmp_path / "a")
    (folder / "resources.csv").write_text("images_seen,images_per_second,peak_memory_mib\n100,50.5,300\n200,60,310\n")
    found = collect(folder)
    assert numbers.resources(found) == ["images_per_second", "peak_memory_mib"]
    assert not {*numbers.resources(found)} & {name for group in numbers.sections(found).values() for name in group}
    (run,) = numbers.numbers(found)["runs"]
    assert run["series"]["images_per_second"] == [(100, 50.5), (200, 60)]
    assert numbers.numbers(found)["columns"].keys() >= {"images_per_second", "peak_memory_mib"}


@pytest.fixture
def swept(tmp_path):
    """Two rates, two seeds each, and a run that failed."""
    jobs = [(rate, seed) for rate in (0.1, 0.2) for seed in (0, 1)] + [(0.4, 0)]
    for job, (rate, seed) in enumerate(jobs):
        end = summary(status="failed" if rate == 0.4 else "finished", peak_memory_mib=job)
        folder = write_run(tmp_path / str(job), config(optimizer={"d": {"lr": rate}}, seed=seed), end=end, grids=())
        (folder / ".hydra").mkdir()
        given = [f"optimizer.d.lr={rate}", f"seed={seed}", "logger=csv", f"hydra.sweep.dir={job}"]
        OmegaConf.save([*given, "penalty=[r1,lecam]"] if job == 0 else given, folder / ".hydra/overrides.yaml")
    return collect(*(tmp_path / str(job) for job in range(5)))


def test_runs_that_differ_in_their_seed_alone_are_one_group_with_a_title_without_it(swept):
    found = numbers.groups(swept)
    assert [group["runs"] for group in found] == [[0, 1], [2, 3], [4]]
    assert [group["title"] for group in found] == ["d.lr=0.1", "d.lr=0.2", "d.lr=0.4"]
    assert [group["title"] for group in numbers.groups(swept[:2])] == ["dcgan on digits"]


def test_options_are_those_of_the_command_line_in_which_runs_differ(swept):
    assert numbers.options(swept) == {
        "optimizer.d.lr": [0.1, 0.1, 0.2, 0.2, 0.4],
        "penalty": ["[r1,lecam]", "none", "none", "none", "none"],
    }


def test_without_a_command_line_the_choices_are_the_options(tmp_path):
    found = collect(write_run(tmp_path / "a"), write_run(tmp_path / "b", config("wgan")))
    assert numbers.options(found) == {"model": ["dcgan", "wgan"]}


def test_costs_and_the_values_of_a_run_that_did_not_fail(swept):
    first, *_, failed = numbers.numbers(swept)["runs"]
    assert first["costs"] == {"images/s": 50.0, "peak memory, MiB": 0, "seconds": 8.0}
    assert (first["chosen"], failed["chosen"]) == ({"fd_digits8": 11.0, "d_overfit": 0.1}, {})
    assert "optimizer.d.lr=0.1" in first["words"]
