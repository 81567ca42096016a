"""Spaces that samples are points of: the latents z of any GAN, and the styles w of those that have some."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.model.stylegan import has_styles

if TYPE_CHECKING:
    from gan_lab.model.gan import GAN


class Space(Protocol):
    """Points and their images; both ways are differentiable."""

    name: ClassVar[str]

    def points(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return the points (N, d) of latents (N, latent_dim) and labels."""

    def images(self, points: Tensor, y: Tensor | None) -> Tensor:
        """Return images (N, C, H, W) of points (N, d) and labels."""


@dataclass(frozen=True)
class LatentSpace:
    """Latents z."""

    gan: "GAN"
    ema: bool = True
    truncation: float | None = None
    name: ClassVar[str] = "z"

    def points(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return the latents themselves."""
        return z.to(self.gan.device)

    def images(self, points: Tensor, y: Tensor | None) -> Tensor:
        """Return images of latents."""
        with self.gan.evaluating(points, self.ema) as generator:
            if self.truncation is None:
                return generator(points, y)
            return self.gan.truncated(generator, points, y, self.truncation)


@dataclass(frozen=True)
class StyleSpace:
    """Styles w, the same in all layers."""

    gan: "GAN"
    ema: bool = True
    truncation: float | None = None
    name: ClassVar[str] = "w"

    def points(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return the styles of latents, at ``truncation`` of their distance from the mean."""
        with self.gan.evaluating(z, self.ema) as generator:
            styles: Tensor = generator.mapping.styles(1, z.to(self.gan.device), y, truncation=self.truncation)[:, 0]
            return styles

    def images(self, points: Tensor, y: Tensor | None) -> Tensor:
        """Return images of styles; the labels are in them already."""
        with self.gan.evaluating(points, self.ema) as generator:
            images: Tensor = generator.render(points[:, None].expand(-1, generator.synthesis.num_styles, -1))
            return images


def require_styles(gan: "GAN", choice: str, instead: str) -> None:
    """Refuse a GAN whose generator has no styles; name the choice that needs them, and the one to use instead."""
    if not has_styles(gan.generator):
        raise InputError(
            f"{choice} needs a generator with styles, as network=stylegan2 has them, and this one has none: use {instead}"
        )
