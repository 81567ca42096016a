"""Old names of options, which keep working for one version: the only place that knows them."""

import re
from collections.abc import Iterable

CHOICES = {
    "metric": {"infinity": "frechet_infinity", "monge": "sliced_wasserstein"},
    "callback": {"judge": "validation", "record": "loss_logger", "limit": "stop_condition"},
}
"""Group -> former option -> option."""

KEYS = {
    "a": "samples",
    "b": "reference",
    "again": "overwrite",
    "score": "metric",
    "metric.primary": "primary",
    "metric.min_share": "metric.modes.min_share",
    "metric.min_class_share": "metric.classifier.min_class_share",
    "metric.extractor.weights": "extractor.{extractor}.weights",
    "metric.extractor.download": "extractor.{extractor}.download",
    "metric.extractor.accuracy": "extractor.{extractor}.accuracy",
    "extractor.weights": "extractor.{extractor}.weights",
    "extractor.download": "extractor.{extractor}.download",
    "extractor.accuracy": "extractor.{extractor}.accuracy",
}
"""Former key -> key, also of what lies below it; ``{extractor}`` is the one that the command line chooses."""

OPTIONS = {
    **{f"metric={name}": ["metric=[frechet,classifier]", f"extractor={name}"] for name in ("digits8", "inception", "trained")},
    "metric.mode=min": [],
    "metric.mode=max": [],
    **{f"format={path}": ["mode=interpolate", f"path={path}"] for path in ("great_circle", "straight")},
}
"""Former option -> options in its place; none: it says nothing any more."""


def current(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return a command line in today's names, and a warning for each old one.

    Args:
        arguments: overrides, and flags, which stay as they are.
    """
    given = list(arguments)
    found: list[str] = []
    warnings: list[str] = []
    for argument in given:
        now = OPTIONS.get(argument, [_renamed(argument, given)])
        if now != [argument]:
            words = " ".join(now) if now else "nothing, for a metric states its own direction"
            warnings.append(f"{argument} is an old name, which the next version will not know: write {words}")
        found += now
    return found, warnings


def _renamed(argument: str, given: list[str]) -> str:
    parts = re.fullmatch(r"(~|\+{0,2})([\w.]+)(=.*)?", argument, re.DOTALL)
    if not parts or not (parts[1] or parts[3]):
        return argument
    sign, key, value = parts[1], parts[2], parts[3] or ""
    for old, new in KEYS.items():
        if key == old or key.startswith(f"{old}."):
            key = new.format(extractor=_extractor(given)) + key.removeprefix(old)
            break
    group, _, below = key.partition(".")
    options = CHOICES.get(group, {})
    if not below:
        value = re.sub(r"\w+", lambda word: options.get(word[0], word[0]), value)
    name, dot, rest = below.partition(".")
    key = f"{group}.{options.get(name, name)}{dot}{rest}" if below else group
    return f"{sign}{key}{value}"


def _extractor(given: list[str]) -> str:
    """Return the extractor that a command line chooses, now or by an old name."""
    chosen = [
        re.fullmatch(r"(?:extractor|metric)=\[?(digits8|dinov2|inception|inception_clean|trained)\]?", each) for each in given
    ]
    return next((each[1] for each in chosen if each), "inception")
