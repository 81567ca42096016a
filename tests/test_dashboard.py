"""`python -m gan_lab.dashboard`, without a login."""

import json
from pathlib import Path

import pytest

from gan_lab import dashboard


def test_without_a_login_the_definition_is_written_and_said(call, capsys):
    call(dashboard.main, "project=mine", "metrics=[fid]", "entity=me")
    assert "WANDB_MODE is offline: the definition of the view is in dashboard.json" in capsys.readouterr().out
    content = json.loads(Path("dashboard.json").read_text())
    assert (content["project"], content["entity"], content["displayName"]) == ("mine", "me", "gan_lab")
    sections = content["spec"]["section"]["panelBankConfig"]["sections"]
    shown = [(section["name"], section["isOpen"]) for section in sections]
    assert shown == [("Samples", True), ("Metrics", True), ("Losses", True), ("Diagnostics", False)]
    samples, metrics, *_ = [[panel["config"] for panel in section["panels"]] for section in sections]
    assert samples[0]["mediaKeys"][0] == "samples/grid"
    assert (metrics[0]["metrics"], metrics[0]["xAxis"]) == (["val/fid"], "images_seen")
    assert metrics[1]["metrics"] == ["final/fid"]


def test_a_server_that_does_not_take_it_costs_nothing_but_a_sentence(call, capsys, monkeypatch):
    from wandb_workspaces.workspaces import Workspace

    def refuse(view):
        raise OSError("no answer")

    monkeypatch.setattr(dashboard, "offline", lambda: None)
    monkeypatch.setattr(Workspace, "save", refuse)
    call(dashboard.main, "entity=me", "out=view.json")
    assert "W&B does not take it (no answer)" in capsys.readouterr().out
    assert json.loads(Path("view.json").read_text())["project"] == "gan_lab"


def test_without_the_package_one_sentence_says_what_to_install(call, monkeypatch):
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'gan_lab\[dashboard\]'$"):
        call(dashboard.main)
