import json

import pytest

from gan_lab.report import runs, tables
from tests.report.folders import config, rows, summary, write_run


def collect(*folders):
    return runs.collect(folders, 0)


def cells(table):
    return [dict(zip(table.headers, [cell.text for cell in row], strict=True)) for row in table.rows]


@pytest.fixture
def two(tmp_path):
    """A finished run and one that goes on."""
    return [
        write_run(tmp_path / "a", end=summary()),
        write_run(tmp_path / "b", config("wgan"), rows({100: 50.0, 200: float("nan")})),
    ]


def test_the_table_of_runs_has_what_they_came_to_and_cost(two):
    first, second = cells(tables.overview(collect(*two)))
    assert (first["run"], first["status"], first["chosen"], first["best"], first["baseline"]) == (
        "dcgan",
        "finished",
        "11",
        "10",
        "0.5",
    )
    assert (first["images seen"], first["time"], first["images/s"], first["G's parameters"]) == ("400", "8 s", "50", "1,000")
    assert (second["run"], second["status"], second["chosen"], second["best"]) == ("wgan", "unfinished", "", "50")


def test_the_best_run_of_each_score_and_data_is_named(tmp_path):
    worse = summary(final_judgement={"scores": {"fd_digits8": 20.0}})
    failed = summary(status="failed", final_judgement={"scores": {"fd_digits8": 1.0}})
    rising = summary(primary="modes", mode="max", final_judgement={"scores": {"modes": 8}})
    of_points = config(data={"layout": {"_target_": "gan_lab.data.points.Gaussians"}})
    ends = {"worse": worse, "good": summary(), "failed": failed}
    folders = [write_run(tmp_path / name, end=end) for name, end in ends.items()]
    folders.append(write_run(tmp_path / "points", of_points, end=rising))
    found = tables.best(collect(*folders))
    assert {name: run.name for name, run in found.items()} == {"fd_digits8 on digits": "good", "modes on gaussians": "points"}


KID = {"mean": 0.25, "sd": 0.01, "seeds": [0.24, 0.26], "baseline": 0.125, "better": "min"}


@pytest.fixture
def judged(tmp_path):
    """Writes runs with the values of an evaluation each, and gives the rows of the table and its best cells."""

    def table(preset="quick", **values):
        for name, found in values.items():
            folder = tmp_path / name if (tmp_path / name).exists() else write_run(tmp_path / name, end=summary())
            (folder / "evaluation" / preset).mkdir(parents=True)
            (folder / "evaluation" / preset / "metrics.json").write_text(json.dumps({"values": found}))
        made = tables.evaluations(collect(*(tmp_path / name for name in values)))
        best = [made.headers[index] for row in made.rows for index, cell in enumerate(row) if "best" in cell.kind]
        return cells(made), best

    return table


def test_an_evaluation_is_a_row_per_metric_and_a_column_per_run_beside_the_baseline(judged):
    diagnosis = {"mean": 2, "sd": None, "seeds": [2], "baseline": None, "better": None}
    (kid, overfit), best = judged(a={"kid": KID, "d_overfit": diagnosis}, b={"kid": KID | {"mean": 0.5, "sd": None}})
    assert kid == {"metric": "kid", "better": "lower", "a": "0.25 ± 0.01", "b": "0.5", "held-out reals": "0.125"}
    assert overfit == {"metric": "d_overfit", "better": "", "a": "2", "b": "", "held-out reals": ""}
    assert best == ["a"]


@pytest.mark.parametrize(("better", "best"), [("min", ["a"]), ("max", ["b"]), (None, []), ("hostile", [])])
def test_the_best_of_a_row_goes_by_the_stored_direction(judged, better, best):
    value = {"mean": 1.0, "better": better}
    assert judged(a={"fid": value}, b={"fid": value | {"mean": 2.0}})[1] == best


def test_an_old_record_without_directions_has_no_best_and_a_floor(judged):
    (row,), best = judged(a={"fid": {"mean": 1.0, "floor": 0.5}}, b={"fid": {"mean": 2.0, "floor": 0.75}})
    assert (row["held-out reals"], best) == ("0.5 to 0.75", [])


def test_other_presets_are_other_rows(judged):
    judged(a={"kid": KID})
    rows, _ = judged("fid50k", a={"kid": KID}, b={"kid": KID})
    assert [(row["record"], row["a"], row["b"]) for row in rows] == [
        ("fid50k", "0.25 ± 0.01", "0.25 ± 0.01"),
        ("quick", "0.25 ± 0.01", ""),
    ]


def test_for_a_phone_it_is_a_row_per_run_and_one_of_the_reals(judged, tmp_path):
    judged(a={"kid": KID})
    judged("fid50k", a={"kid": KID}, b={"kid": KID | {"mean": 0.5, "sd": None}})
    table = tables.evaluation_cards(collect(tmp_path / "a", tmp_path / "b"))
    assert table.headers == ["run", "kid, fid50k", "kid, quick"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["a", "0.25 ± 0.01", "0.25 ± 0.01"],
        ["b", "0.5", ""],
        ["held-out reals", "0.125", "0.125"],
    ]


def test_a_value_that_is_no_number_is_left_out(judged):
    assert judged(a={"broken": {"mean": float("nan")}, "word": "x"}) == ([], [])


def test_the_longer_side_of_the_differences_goes_downwards(two, tmp_path):
    few = tables.compared(collect(*two, write_run(tmp_path / "c", config("gan"))))
    assert few.headers == ["run", "model._target_"]
    assert [row[0].text for row in few.rows] == ["dcgan", "wgan", "gan"]
    other = config("wgan", seed=3, optimizer={"d": {"lr": 1.0}})
    many = tables.compared(collect(two[0], write_run(tmp_path / "d", other)))
    assert many.headers == ["key", "dcgan", "wgan"]
    assert [cell.text for cell in many.rows[0]] == ["seed", "0", "3"]
