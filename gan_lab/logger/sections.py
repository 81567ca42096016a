"""Sections of a dashboard, which groups curves by the prefix before the slash and sorts the groups by name.

Neither W&B's automatic page nor TensorBoard has another means to order them (https://docs.wandb.ai/support/models/articles/how-can-i-organize-my-logged-charts-and-,
https://github.com/tensorflow/tensorboard/issues/865); `gan_lab.dashboard` makes a view of W&B in an order of its own.
"""

CLOCKS = ("images_seen", "g_steps_done", "d_steps_done")
"""Axes of the curves, not curves themselves."""

FINAL = "final/"
"""Prefix of the judgement of the chosen checkpoint: single values, each of which would make a chart."""

GROWTH = ("resolution", "alpha")

RESOURCES = ("images_per_second", "peak_memory_mib")

LOGIT_STATISTICS = ("d_real", "d_fake", "d_gap", "d_real_accuracy", "d_fake_accuracy")


def section(name: str) -> str:
    """Return the name of a column of metrics.csv, prefixed with its section.

    ``samples``, ``train`` (losses with penalties and regularizers) and ``val`` come first, because people look there first;
    ``watch`` holds the numbers that explain them: D's logits, gradient norms, learning rates, the probability of
    augmentation, the level of a growing GAN, speed and memory.
    """
    if "/" in name or name in CLOCKS:
        return name
    explains = name in (*LOGIT_STATISTICS, *GROWTH, *RESOURCES) or name.endswith(("_gradient_norm", "_lr", "_p"))
    return f"watch/{name}" if explains else f"train/{name}"
