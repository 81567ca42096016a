import pytest

from gan_lab import list as list_command
from gan_lab.cli import catalogue


def test_a_bare_word_is_the_group(call, capsys):
    call(list_command.main, "regularizer", "format=markdown")
    assert capsys.readouterr().out == catalogue.markdown("regularizer")
    call(list_command.main, "format=markdown", "group=regularizer")
    assert capsys.readouterr().out == catalogue.markdown("regularizer")


def test_the_table_for_people_has_every_option(call, capsys):
    call(list_command.main, "model/latent")
    out = capsys.readouterr().out
    assert all(word in out for word in ("model/latent=", "normal", "sphere", "uniform", "White", "2016"))
    assert "http" not in out


def test_without_a_group_all_groups_are_counted(call, capsys):
    call(list_command.main)
    out = capsys.readouterr().out
    assert all(group in out for group in catalogue.groups())


def test_a_users_own_options_are_listed_too_and_described_by_their_own_files(call, tmp_path, capsys):
    for name, text in {
        "conf/penalty/steep.yaml": "steep:\n  _target_: my_steepness.Steep\n",
        "my_steepness.py": 'class Steep:\n    """Steep slopes (Hill 2024)."""\n',
        "conf/penalty/none.yaml": "# Nothing at all\n{}\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    call(list_command.main, "penalty", "format=markdown", "--config-dir", "conf")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "`steep`" in line] == ["| `steep` | Hill | 2024 | Steep slopes |"]
    assert sum("`none`" in line for line in lines) == 1
    assert len(lines) == len(catalogue.markdown("penalty").splitlines()) + 1


@pytest.mark.parametrize(("option", "nearest"), [("modl", "model"), ("format=tables", "table")])
def test_a_misspelt_choice_is_named_with_the_nearest_right_one(call, option, nearest):
    with pytest.raises(SystemExit, match=f"did you mean '{nearest}'"):
        call(list_command.main, option)


def test_the_tables_of_the_readmes_are_rewritten(call, tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("# x\n<!-- list: speed -->\n<!-- end -->\n")
    monkeypatch.setattr(catalogue, "readmes", lambda: [tmp_path / "README.md"])
    call(list_command.main, "format=readme")
    assert (tmp_path / "README.md").read_text() == f"# x\n<!-- list: speed -->\n{catalogue.markdown('speed')}<!-- end -->\n"


def test_on_a_narrow_screen_no_header_and_no_name_is_cut(call, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    call(list_command.main, "experiment")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [cell.strip() for cell in lines[1].split("┃")[1:-1]][:5] == ["experiment=", "paper", "year", "what", "chooses"]
    assert "│stylegan2_ada_cifar10│" in "\n".join(lines)
