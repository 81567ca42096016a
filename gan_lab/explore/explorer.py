"""From the values of sliders and fields to an image; `gan_lab.explore.page` shows both in a browser."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import torch
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from gan_lab import latents
from gan_lab.data.pixels import is_image_shape, to_uint8
from gan_lab.errors import InputError
from gan_lab.model.stylegan import has_styles
from gan_lab.sampling.mode.directions import leading_directions
from gan_lab.sampling.path import Default
from gan_lab.sampling.request import SampleRequest

WIDEST = 4.0
"""Bound of normal latents beyond which lies one in 16,000: as good as none."""


@dataclass(frozen=True)
class Viewpoint:
    """A point of the latents or styles, and all that its image depends on beside it.

    Attributes:
        point: (1, d).
        y: label (1,) or (1, K); None: G takes none.
        truncation: as in `gan_lab.sample`.
        name: in words.
    """

    point: Tensor
    y: Tensor | None
    truncation: float | None
    name: str


class Explorer:
    """The first sample of a seed, moved along the leading directions of G (SeFa), and what lies between two of them.

    Directions and paths lie in the styles of a generator that has some, else in its latents.

    Args:
        request: the GAN and how it is drawn.
        top: number of directions; no more than dimensions are found.

    Attributes:
        gains: of G's first layer along each direction, the largest first.
        classes: names or numbers of the classes; empty: G takes none.
        truncations: the least and the largest, which is none; None: this GAN cannot truncate.

    Raises:
        InputError: the samples are no pictures.
    """

    def __init__(self, request: SampleRequest, top: int = 8) -> None:
        gan, shape = request.gan, request.run.shape
        if not is_image_shape(shape) or shape[0] > 4:
            raise InputError("gan_lab.explore shows images, and these samples are none: use gan_lab.sample mode=interpolate")
        self.request = request
        space = request.space()
        with torch.no_grad():
            d = space.points(request.latents([0]), request.labels([0])).shape[1]
        self.directions, gains = leading_directions(request, space, min(top, d))
        self.gains: list[float] = gains.tolist()
        self.unit = request.spread(space)
        self.classes = [*gan.class_names] or [str(number) for number in range(gan.num_classes or 0)]
        self.truncations = (0.0, 1.0) if has_styles(gan.generator) else (0.1, WIDEST) if gan.latent is latents.normal else None

    @torch.no_grad()
    def viewpoint(
        self, seed: int, label: int | str | None = None, truncation: float | None = None, offsets: Sequence[float] = ()
    ) -> Viewpoint:
        """Return the first sample of a seed, moved by an offset along each direction, in standard deviations of the space."""
        asked = replace(self.request, seed=seed, classes=None if label is None else [label], truncation=truncation)
        y = asked.labels([0])
        start = asked.space().points(asked.latents([0]), y)
        moves = start.new_tensor(offsets) @ self.directions[: len(offsets)]
        words = [f"seed {seed}", *([] if label is None else [f"class {label}"])]
        words += [] if truncation is None else [f"truncation {truncation:g}"]
        words += [f"direction {number} {offset:+g}" for number, offset in enumerate(offsets, 1) if offset]
        return Viewpoint(start + self.unit * moves, y, truncation, ", ".join(words))

    def between(self, a: Viewpoint, b: Viewpoint, t: float) -> Viewpoint:
        """Return the point at t in [0, 1] on the path from a to b, with label and truncation of the nearer one."""
        _, path = Default().of(self.request)
        point = path(a.point[0], b.point[0], a.point.new_tensor([t]))
        return replace(a if t < 0.5 else b, point=point, name=f"{t:.2f} from ({a.name}) to ({b.name})")

    def image(self, view: Viewpoint) -> Tensor:
        """Return the image (C, H, W) in [-1, 1], on the CPU."""
        asked = replace(self.request, truncation=view.truncation)
        return asked.images(asked.space(), view.point, view.y)[0]

    def png(self, view: Viewpoint) -> bytes:
        """Return the image as a PNG file of its own size."""
        file = BytesIO()
        to_pil_image(to_uint8(self.image(view))).save(file, "png")
        return file.getvalue()
