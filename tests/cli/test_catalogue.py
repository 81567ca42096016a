import subprocess
import sys

import pytest

from gan_lab.cli import catalogue
from gan_lab.cli.compose import CONF
from gan_lab.errors import InputError

GROUPS = [group for group in catalogue.groups() if "/" not in group]


def row(group, option):
    return next(row for row in catalogue.rows(group) if row["option"] == option)


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_of_every_group_is_described(group):
    rows = catalogue.rows(group)
    assert sorted(row["option"] for row in rows) == sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    assert [row["option"] for row in rows if len(row["what"]) < 5] == []


@pytest.mark.parametrize("row", catalogue.rows("model"), ids=lambda row: row["option"])
def test_every_model_names_its_paper_and_where_it_is(row):
    assert row["paper"] and 2014 <= int(row["year"]) <= 2100
    assert row["address"].startswith("https://")


def test_a_model_is_told_by_its_docstrings_and_its_yaml():
    wgan_gp = row("model", "wgan_gp")
    assert (wgan_gp["paper"], wgan_gp["year"]) == ("Gulrajani", "2017")
    assert wgan_gp["address"] == "https://arxiv.org/abs/1704.00028"
    assert wgan_gp["chooses"] == "network=resnet optimizer=adam_wgan_gp schedule=linear penalty=wgan_gp"
    assert row("model", "ct_gan")["chooses"].endswith("penalty=[wgan_gp,dropout_consistency]")


def test_an_option_chooses_what_those_of_its_group_choose_that_it_builds_on():
    groups = catalogue.groups()

    def chosen(group, option):
        return catalogue.describe(group, groups[group][option], groups[group])["chooses"]

    assert chosen("data", "text_words") == chosen("data", "text_lines") != ""
    assert chosen("data", "ffhq") == "metric=frechet extractor=inception"  # and not image_folder's, on which it builds
    assert chosen("experiment", "stylegan2_ada_cifar10") == "model=stylegan2 data=cifar10 regularizer=none augment=ada"


def test_an_optimizer_of_the_users_has_the_numbers_that_it_inherits(tmp_path):
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer/slow.yaml").write_text("# Slow\ndefaults: [rmsprop, _self_]\ng: {lr: 0.1}\n")
    found = {each["option"]: each.get("settings") for each in catalogue.rows("optimizer", [tmp_path, CONF])}
    assert found["slow"] == "G: RMSprop lr=0.1; D: RMSprop lr=5e-05"


def test_every_network_says_its_sizes_and_every_optimizer_its_numbers():
    assert all("size" in row["sizes"].lower() for row in catalogue.rows("network"))
    assert row("optimizer", "ttur")["settings"] == "G: Adam lr=0.0001 betas=[0.0, 0.9]; D: Adam lr=0.0003 betas=[0.0, 0.9]"
    assert row("optimizer", "rmsprop")["settings"] == "RMSprop lr=5e-05"


def test_every_recipe_says_the_number_to_reach_and_ours():
    recipes = [
        row for row in catalogue.rows("experiment") if row["option"] not in ("digits", "letters", "ring", "words", "zoo")
    ]
    assert [row["option"] for row in recipes if not (row["published"] and row["ours"])] == []
    assert row("experiment", "wgan_gp_cifar10")["published"].startswith("FID 16.95, IS 7.95")


def test_options_stand_in_the_order_of_their_papers():
    years = [row["year"] for row in catalogue.rows("model")]
    assert years == sorted(years)


def test_no_column_is_empty():
    assert "paper" not in catalogue.rows("speed")[0]
    assert "sizes" not in catalogue.rows("model")[0]


def test_a_misspelt_group_is_named_with_the_nearest_right_one():
    with pytest.raises(InputError, match="did you mean 'penalty'"):
        catalogue.rows("penalti")


@pytest.mark.parametrize(
    ("text", "paper", "address", "year", "rest"),
    [
        ("A pair (Zhang 2019, https://a.org/1), by them.", "Zhang", "https://a.org/1", "2019", "A pair, by them"),
        ("Nets (Miyato & Koyama 2018, table 3, https://a.org/2).", "Miyato & Koyama", "https://a.org/2", "2018", "Nets"),
        ("ImageNet 2012 (Russakovsky 2015): photos", "Russakovsky", "", "2015", "ImageNet 2012: photos"),
        ("Sønderby 2017, section 2", "Sønderby", "", "2017", "section 2"),
        ("D scores ``x`` and T(x) alike (bCR, Zhao 2020).", "Zhao", "", "2020", "D scores `x` and T(x) alike"),
        ("R1 (eq. 9), one (Mescheder 2018; Karras 2020).", "Mescheder", "", "2018", "R1 (eq. 9), one"),
        ("The network of 2015.", "", "", "", "The network of 2015"),
    ],
)
def test_a_citation_is_found_in_brackets_or_in_front(text, paper, address, year, rest):
    assert catalogue.cite(["nothing", text]) == {"paper": paper, "address": address, "year": year}
    assert catalogue.without_citation(text) == rest


def test_markdown_has_a_cell_for_each_column_whatever_stands_in_it():
    lines = catalogue.markdown("penalty").splitlines()
    assert {line.replace(r"\|", "").count("|") for line in lines} == {5}
    assert r"\|grad D\|" in catalogue.markdown("penalty")
    assert "[Gulrajani](https://arxiv.org/abs/1704.00028)" in catalogue.markdown("model")


def test_only_tables_between_their_marks_are_written_anew():
    text = "a\n<!-- list: speed -->\nold\n<!-- end -->\nb\n<!-- list: -->\n<!-- end -->\n"
    new = catalogue.with_tables(text)
    assert new == text.replace("old\n", catalogue.markdown("speed")).replace(
        "list: -->\n", f"list: -->\n{catalogue.markdown(None)}"
    )
    assert catalogue.with_tables(new) == new


def test_listing_imports_nothing_that_it_lists():
    code = "import sys, gan_lab.list; from gan_lab.cli import catalogue as c; c.rows('model'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
