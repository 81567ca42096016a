"""The model card of a run, as Markdown: what the generator takes and gives, scores with their protocol, limits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gan_lab.run_folder import RunFolder, read_json

PROTOCOL = ("split", "reference", "compared_with", "n_fake", "n_reference", "seeds", "images_seen", "ema", "truncation")
"""What of a judgement's protocol the card says, where it is there; the rest is in the run's own files."""


@dataclass(frozen=True)
class Judgement:
    """The values of one evaluation.

    Attributes:
        title: its name and protocol, in a line.
        rows: name, value, standard deviation, that of held-out reals, better direction.
    """

    title: str
    rows: list[list[str]]


def judgements(folder: Path) -> list[Judgement]:
    """Return the evaluations of a run folder, and the judgement of its end where there is none."""
    run = RunFolder(folder)
    found = [_evaluated(name, read_json(path)) for name, path in run.evaluations("json").items()]
    found = [judgement for judgement in found if judgement.rows]
    if found:
        return found
    summary = run.read_summary()
    scores, baseline = (summary.get("final_judgement") or {}).get("scores") or {}, summary.get("baseline") or {}
    rows = [[name, _number(value), "", _number(baseline.get(name)), ""] for name, value in scores.items()]
    said = _said(summary.get("protocol") or {})
    return [Judgement(f"At the end of training, on latents by which nothing was chosen: {said}", rows)] if rows else []


def card(**facts: Any) -> str:
    """Return the card; see ``card.md`` for its facts."""
    environment = Environment(loader=PackageLoader("gan_lab.export", ""), undefined=StrictUndefined, autoescape=False)  # noqa: S701  Markdown
    return environment.get_template("card.md").render(**facts) + "\n"


def _evaluated(name: str, content: dict[str, Any]) -> Judgement:
    rows = [
        [_plain(key), *(_number(value.get(column)) for column in ("mean", "sd", "baseline")), value.get("better") or ""]
        for key, value in (content.get("values") or {}).items()
        if isinstance(value, dict)
    ]
    return Judgement(f"`{Path(name).parent.as_posix()}`: {_said(content.get('protocol') or {})}", rows)


def _said(protocol: dict[str, Any]) -> str:
    known = [(key, protocol[key]) for key in PROTOCOL if isinstance(protocol.get(key), str | int | float | list)]
    known += [("extractor", name) for name in protocol.get("extractors") or {}]
    return ", ".join(f"{key} {_plain(value)}" for key, value in known)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else ""


def _plain(value: Any) -> str:
    return str(value).replace("|", " ").replace("`", " ").replace("\n", " ")
