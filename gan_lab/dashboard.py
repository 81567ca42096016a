"""Make a saved view of a W&B project: ``python -m gan_lab.dashboard project=gan_lab``."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_lab import atomic
from gan_lab.cli.command import command
from gan_lab.errors import InputError, first_line

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

AXIS = "images_seen"


def main() -> None:
    """Run the command."""
    command("dashboard", dashboard)


def dashboard(cfg: DictConfig) -> None:
    """Save the view in W&B; without a login or a server, write its definition to a file."""
    if not find_spec("wandb_workspaces"):
        raise InputError("gan_lab.dashboard needs the package wandb-workspaces: pip install 'gan_lab[dashboard]'")
    from gan_lab.cli.console import say

    given, reason = (cfg.project, cfg.name, list(cfg.metrics)), offline()
    if reason is None:
        try:
            made = view(cfg.entity or own_entity(), *given)
            made.save()
            return say(f"view '{cfg.name}' of {cfg.project}: {made.url}")
        except Exception as error:  # of W&B's server and of its client, in many kinds
            reason = f"W&B does not take it ({first_line(error)})"
    atomic.write_json(Path(cfg.out), definition(view(cfg.entity or "", *given)))
    return say(f"{reason}: the definition of the view is in {cfg.out}; the same command after wandb login saves it")


def offline() -> str | None:
    """Return why the view cannot be saved; None: somebody is logged in."""
    from gan_lab.logger.wandb import is_logged_in

    if (mode := os.environ.get("WANDB_MODE")) in ("offline", "disabled"):
        return f"WANDB_MODE is {mode}"
    return None if is_logged_in() else "nobody is logged in to W&B"


def own_entity() -> str:
    """Return the user or team of the login, as W&B's server knows it."""
    import wandb

    return str(wandb.Api().default_entity or "")


def view(entity: str, project: str, name: str, metrics: list[str]) -> "Workspace":
    """Return the view: samples, metrics and losses open, and closed what explains them.

    Args:
        entity: user or team; empty: not known yet.
        project: of W&B.
        name: of the view.
        metrics: names as in summary.json, a panel each.
    """
    import wandb_workspaces.reports.v2 as panels
    from wandb_workspaces.workspaces import Section, Workspace, WorkspaceSettings

    def curve(*names: str) -> Any:
        return panels.LinePlot(x=AXIS, y=list(names), title=names[0].rpartition("/")[2])

    def all_curves(prefix: str) -> Any:
        return panels.LinePlot(x=AXIS, metric_regex=f"{prefix}/.*", title=f"all {prefix}")

    chosen = [panels.BarPlot(metrics=[f"final/{metric}"], title=f"{metric} of the chosen checkpoint") for metric in metrics]
    sections = {
        "Samples": [panels.MediaBrowser(media_keys=["samples/grid", "samples/lines"], num_columns=2)],
        "Metrics": [*(curve(f"val/{metric}") for metric in metrics), *chosen, *([] if metrics else [all_curves("val")])],
        "Losses": [curve("train/d_loss"), curve("train/g_loss")],
        "Diagnostics": [
            curve("val/d_overfit"),
            *map(curve, ("watch/d_gap", "watch/d_gradient_norm", "watch/images_per_second", "watch/peak_memory_mib")),
            all_curves("watch"),
        ],
    }
    return Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=[Section(name=title, panels=each, is_open=title in list(sections)[:3]) for title, each in sections.items()],
        settings=WorkspaceSettings(x_axis=AXIS),
    )


def definition(made: "Workspace") -> dict[str, Any]:
    """Return the view as W&B's server would get it, as plain data."""
    content: dict[str, Any] = json.loads(made._to_model().model_dump_json(by_alias=True))
    return content


if __name__ == "__main__":
    main()
