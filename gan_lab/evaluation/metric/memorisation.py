"""Nearest training images of samples: near-copies, their distances, and the pairs as a picture."""

import torch

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.neighbours import nearest
from gan_lab.evaluation.source import look

PAIRS = 8


class Memorisation(BaseMetric):
    """Distances of samples to their nearest training image, beside those of held-out reals.

    ``nn_ratio`` is the ratio of the mean distances, about 1 or more for a generator that repeats nothing, left out where
    every held-out real is a training image; ``copies`` the share of samples nearer than the nearest hundredth of the held-out
    reals, 0.01 for these themselves.
    """

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``copies`` and ``nn_ratio``."""
        return {"copies": Quantity("min"), "nn_ratio": Quantity("max")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute both and save the nearest pairs as ``neighbours.png`` (``.txt``); empty without held-out reals."""
        if inputs.held_out is None:
            return {}
        distances, rows = nearest(inputs.sample.features, inputs.reference.features)
        usual = nearest(inputs.held_out.features, inputs.reference.features)[0]
        if inputs.gan is not None:
            self.draw(inputs, distances[:, 0], rows[:, 0])
        ratio = {"nn_ratio": float(distances.mean() / usual.mean())} if usual.any() else {}
        return ratio | {"copies": float((distances < usual.quantile(0.01)).double().mean())}

    def draw(self, inputs: EvalInputs, distances: torch.Tensor, rows: torch.Tensor) -> None:
        """Draw the nearest pairs, samples above their training images; nothing where the images are gone."""
        if inputs.sample.source is None or inputs.reference.source is None:
            return
        order = distances.argsort()[:PAIRS].tolist()
        pictures = look(inputs.sample.source, order), look(inputs.reference.source, [int(rows[i]) for i in order])
        if pictures[0].ndim > 2 and pictures[0].shape[-1] > 1:  # no points, and no row of a table
            path = inputs.folder / f"neighbours{inputs.display.suffix}"
            inputs.display.save(torch.cat(pictures), path, columns=len(order))
