"""From the values of sliders and fields to an image; `gan_lab.explore.page` shows both in a browser."""

import math
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


@dataclass(frozen=True)
class LabelScale:
    """The values that one number of a label takes on a slider.

    Attributes:
        low: that of the training labels, rounded down to a step.
        high: theirs, rounded up.
        step: a power of ten, from 1/1000 to 1/100 of the range.
        start: the number of the first sample's label.
    """

    low: float
    high: float
    step: float
    start: float

    @staticmethod
    def of(low: float, high: float, start: float) -> "LabelScale":
        """Return the scale of a range; one that is empty begins at its number and is 1 long."""
        high = high if high > low else low + 1
        digits = 2 - math.floor(math.log10(high - low))
        step = 10.0**-digits
        first, last = (round(end / step, 3) for end in (low, high))  # float32 knows no more of them
        low, high = (round(steps * step, digits) for steps in (math.floor(first), math.ceil(last)))
        return LabelScale(low, high, step, round(start, digits))


class Explorer:
    """The first sample of a seed, moved along the leading directions of G (SeFa), and what lies between two of them.

    Directions and paths lie in the styles of a generator that has some, else in its latents.

    Args:
        request: the GAN and how it is drawn.
        top: number of directions; no more than dimensions are found.

    Attributes:
        gains: of G's first layer along each direction, the largest first.
        classes: names or numbers of the classes; empty: G takes none.
        label_scales: one for each number of labels that are vectors; empty: they are none.
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
        self.label_scales = self._label_scales()
        self.truncations = (0.0, 1.0) if has_styles(gan.generator) else (0.1, WIDEST) if gan.latent is latents.normal else None

    def _label_scales(self) -> list[LabelScale]:
        gan, y = self.request.gan, self.request.labels([0])
        if y is None or gan.label_range is None:
            return []
        return [LabelScale.of(*each) for each in torch.stack([*gan.label_range, y[0]], 1).tolist()]

    @torch.no_grad()
    def viewpoint(
        self,
        seed: int,
        label: int | str | Sequence[float] | None = None,
        truncation: float | None = None,
        offsets: Sequence[float] = (),
    ) -> Viewpoint:
        """Return the first sample of a seed, moved by an offset along each direction, in standard deviations of the space.

        ``label`` is a class, by its number or name, or all numbers of a vector; None: that of the first sample.
        """
        asked, y = replace(self.request, seed=seed, truncation=truncation), self._label(label)
        start = asked.space().points(asked.latents([0]), y)
        moves = start.new_tensor(offsets) @ self.directions[: len(offsets)]
        words = [f"seed {seed}", *_label_in_words(label)]
        words += [] if truncation is None else [f"truncation {truncation:g}"]
        words += [f"direction {number} {offset:+g}" for number, offset in enumerate(offsets, 1) if offset]
        return Viewpoint(start + self.unit * moves, y, truncation, ", ".join(words))

    def _label(self, label: int | str | Sequence[float] | None) -> Tensor | None:
        """Return a label (1,) or (1, K)."""
        if label is None or isinstance(label, int | str):
            return replace(self.request, classes=None if label is None else [label]).labels([0])
        return torch.tensor([label], dtype=torch.float32, device=self.request.gan.device)

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


def _label_in_words(label: int | str | Sequence[float] | None) -> list[str]:
    if label is None or isinstance(label, int | str):
        return [] if label is None else [f"class {label}"]
    return [f"label ({', '.join(f'{number:g}' for number in label)})"]
