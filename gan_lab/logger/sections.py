"""Sections of a dashboard, which groups curves by the prefix before the slash and sorts the groups by name."""

CLOCKS = ("images_seen", "g_steps_done", "d_steps_done")
"""Axes of the curves, not curves themselves."""

GROWTH = ("resolution", "alpha")

LOGIT_STATISTICS = ("d_real", "d_fake", "d_gap", "d_real_accuracy", "d_fake_accuracy")


def section(name: str) -> str:
    """Return the name of a column of metrics.csv, prefixed with its section.

    ``final``, ``loss`` (with penalties and regularizers), ``samples`` and ``val`` sort first, because people look there
    first; ``watch`` holds the numbers that explain them: D's logits, gradient norms, learning rates, the probability of
    augmentation, and the level of a growing GAN.
    """
    if "/" in name or name in CLOCKS:
        return name
    explains = name in (*LOGIT_STATISTICS, *GROWTH) or name.endswith(("_gradient_norm", "_lr", "_p"))
    return f"watch/{name}" if explains else f"loss/{name}"
