"""Interpolations between two samples (White 2016, https://arxiv.org/abs/1609.04468)."""

import torch

from gan_lab.sampling.mode import USUAL, Sheet, SheetMode
from gan_lab.sampling.path import Path
from gan_lab.sampling.request import SampleRequest


class Interpolation(SheetMode):
    """n rows of ``steps`` samples, from latent 2 i to latent 2 i + 1, both with the label of row i.

    Args:
        path: from one to the other.
    """

    moves = True
    reads = (*USUAL, "steps", "path")

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the rows."""
        space, between = self.path.of(request)
        n, steps = request.n, request.steps
        y_ends, y = (request.labels([row for row in range(n) for _ in range(times)]) for times in (2, steps))
        with torch.no_grad():
            ends = space.points(request.latents(range(2 * n)), y_ends)
        t = torch.linspace(0, 1, steps, device=ends.device)
        points = torch.cat([between(a, b, t) for a, b in ends.view(n, 2, -1)])
        return Sheet(request.images(space, points, y), steps, y, {"space": space.name, "t": t.tolist()})
