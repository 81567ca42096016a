"""Where a dashboard shows a number: it groups by what stands before the slash and sorts the groups by name."""

CLOCKS = ("images_seen", "g_steps_done", "d_steps_done")
"""The axes, which are no curves themselves."""

SCORES_OF_D = ("d_real", "d_fake", "d_gap", "d_real_accuracy", "d_fake_accuracy")


def section(name: str) -> str:
    """The name of a column of metrics.csv with its section before it.

    ``final``, ``loss`` (with penalties and regularizers), ``samples`` and ``val`` come first, for there a person looks first;
    ``watch`` holds what explains them: D's scores, gradient norms, learning rates.
    """
    if "/" in name or name in CLOCKS:
        return name
    explains = name in SCORES_OF_D or name.endswith(("_gradient_norm", "_lr"))
    return f"watch/{name}" if explains else f"loss/{name}"
