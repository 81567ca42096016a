"""`python -m gan_lab.report`, called as a command."""

import subprocess
import sys

import pytest

from gan_lab import train
from gan_lab.report import __main__ as report
from tests.report.folders import summary, write_run
from tests.tiny import TINY


def test_a_run_that_was_trained_is_reported(call):
    call(train.main, *TINY)
    text = (call(report.main, "runs=run", "out=pages/one.html") / "pages/one.html").read_text()
    assert "<title>1 run of dcgan on fake</title>" in text
    assert all(name in text for name in ("d_loss", "val/d_overfit", "data:image/png;base64,"))


def test_a_pattern_is_taken_as_it_stands_and_folders_that_are_no_runs_are_named(call, tmp_path, capsys):
    for name in ("outputs/a", "outputs/b"):
        write_run(tmp_path / name, end=summary())
    (tmp_path / "outputs/c").mkdir()
    call(report.main, "runs=outputs/*", "max_grids=1")
    out = capsys.readouterr().out
    assert "outputs/c is no run" in out
    assert "2 runs -> report.html" in out
    assert (tmp_path / "report.html").read_text().count("data:image/png") == 2
    call(report.main, "runs=outputs/a")
    call(report.main, "runs=outputs/a", "out=report.html")
    out = capsys.readouterr().out
    assert "1 run -> report-2.html" in out
    assert "1 run -> report.html (0.0 MiB, in the place of a former one)" in out


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("runs=null", "which runs?"),
        ("out=.", "out=. is a folder: name a file in it, as out=report.html"),
        (f"out={__file__}/report.html", "test_main.py' is a file, and a folder is to be made there: give another out="),
        ("runs=nowhere", "there is no folder 'nowhere'"),
        ("max_grids=-1", "max_grids=-1 is invalid: give a whole number of at least 0"),
        ("max_grid=3", "did you mean 'max_grids'?"),
    ],
)
def test_bad_input_is_one_sentence(call, tmp_path, argument, sentence):
    write_run(tmp_path / "run")
    with pytest.raises(SystemExit) as ended:
        call(report.main, "runs=run", argument)
    assert sentence in str(ended.value)


def test_it_starts_at_once_for_it_needs_no_torch(tmp_path):
    write_run(tmp_path / "run")
    code = "import sys; from gan_lab.report.__main__ import main; main(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, "runs=run"], cwd=tmp_path).returncode == 0
