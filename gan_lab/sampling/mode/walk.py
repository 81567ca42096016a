"""Loops through several samples, for animations."""

import torch

from gan_lab.ranges import AtLeastTwo
from gan_lab.sampling.mode import USUAL, Sheet, SheetMode
from gan_lab.sampling.path import Path
from gan_lab.sampling.request import SampleRequest


class Walk(SheetMode):
    """n loops, each through ``stops`` latents and back to its first, ``steps`` samples from one to the next.

    The last step of a row is followed by its first: an animation runs on without a jump.

    Args:
        path: from one latent to the next.
        stops: latents of a loop.
    """

    moves = True
    reads = (*USUAL, "steps", "path")

    def __init__(self, path: Path, stops: AtLeastTwo = 4) -> None:
        self.path, self.stops = path, stops

    def count(self, n: int, steps: int) -> int:
        """Return ``steps`` for each stop of each loop."""
        return n * self.stops * steps

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the loops."""
        space, between = self.path.of(request)
        columns = self.stops * request.steps
        y_stops, y = (request.labels([row for row in range(request.n) for _ in range(k)]) for k in (self.stops, columns))
        with torch.no_grad():
            stops = space.points(request.latents(range(request.n * self.stops)), y_stops).view(request.n, self.stops, -1)
        t = torch.linspace(0, 1, request.steps + 1, device=stops.device)[:-1]  # the next stop begins the next part
        parts = [between(a, b, t) for loop in stops for a, b in zip(loop, loop.roll(-1, 0), strict=True)]
        return Sheet(request.images(space, torch.cat(parts), y), columns, y, {"space": space.name, "stops": self.stops})
