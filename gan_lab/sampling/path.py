"""Paths between two latents, as functions of the latents z or of the styles w; ``path=`` chooses one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from gan_lab import latents
from gan_lab.model.stylegan import has_styles
from gan_lab.sampling.space import LatentSpace, Space, StyleSpace, require_styles

if TYPE_CHECKING:
    from gan_lab.sampling.request import SampleRequest

Between = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(a (d,), b (d,), t (T,)) -> points (T, d)."""


class Path(Protocol):
    """A way from one sample to another."""

    def of(self, request: "SampleRequest") -> tuple[Space, Between]:
        """Return the space that the path lies in, and the path between two of its points."""


class GreatCircle:
    """Along the great circle in z."""

    def of(self, request: "SampleRequest") -> tuple[Space, Between]:
        """Return latents and great circles."""
        return LatentSpace(request.gan, request.ema, request.truncation), latents.great_circle


class Straight:
    """Straight in z."""

    def of(self, request: "SampleRequest") -> tuple[Space, Between]:
        """Return latents and straight lines."""
        return LatentSpace(request.gan, request.ema, request.truncation), latents.straight


class Styles:
    """Straight in w."""

    def of(self, request: "SampleRequest") -> tuple[Space, Between]:
        """Return styles and straight lines."""
        require_styles(request.gan, "path=styles", "path=great_circle")
        return StyleSpace(request.gan, request.ema, request.truncation), latents.straight


class Default:
    """Straight in w where there are styles, else along the great circle in z."""

    def of(self, request: "SampleRequest") -> tuple[Space, Between]:
        """Return the space and the paths of one of the others."""
        path: Path = Styles() if has_styles(request.gan.generator) else GreatCircle()
        return path.of(request)
