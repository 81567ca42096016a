"""Does G repeat its training images? Nearest neighbours, with the pairs as a picture."""

from collections.abc import Mapping
from typing import ClassVar

import torch

from gan_lab.evaluation.metric import EvalInputs, nearest
from gan_lab.evaluation.source import look

PAIRS = 8


class Memorisation:
    """How near samples are to their nearest training image, beside how near held-out reals are to theirs.

    ``nn_ratio`` is the quotient of the mean distances, about 1 or more for a generator that repeats nothing, left out where
    every held-out real is a training image; ``copies`` the share of samples nearer than the nearest hundredth of the held-out
    reals, 0.01 for these themselves.
    """

    better: ClassVar[Mapping[str, str]] = {"nn": "max", "copies": "min"}

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """Both; nothing without held-out reals. ``neighbours.png`` shows the nearest pairs."""
        if case.held_out is None:
            return {}
        distances, rows = nearest(case.sample.features, case.reference.features)
        usual = nearest(case.held_out.features, case.reference.features)[0]
        if case.gan is not None:
            self.draw(case, distances[:, 0], rows[:, 0])
        ratio = {"nn_ratio": float(distances.mean() / usual.mean())} if usual.any() else {}
        return ratio | {"copies": float((distances < usual.quantile(0.01)).double().mean())}

    def draw(self, case: EvalInputs, distances: torch.Tensor, rows: torch.Tensor) -> None:
        """The nearest pairs: samples above, their training images below."""
        from gan_lab.plot.picture import save_picture

        if case.sample.source is None or case.reference.source is None:
            return
        order = distances.argsort()[:PAIRS].tolist()
        pictures = look(case.sample.source, order), look(case.reference.source, [int(rows[i]) for i in order])
        if pictures[0].shape[-1] > 1:
            save_picture(torch.cat(pictures), case.folder / "neighbours.png", columns=len(order))
