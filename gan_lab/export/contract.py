"""What a generator takes and gives, as plain data that travels with its weights."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gan_lab.data.pixels import is_image
from gan_lab.model.gan import GAN
from gan_lab.model.infogan import InfoGAN
from gan_lab.model.stylegan import StyleGAN, has_styles

DISTRIBUTIONS = {
    "normal": "independent standard normal numbers",
    "uniform": "independent numbers, uniform in [-1, 1)",
    "sphere": "uniform on the sphere of radius sqrt(latent_dim)",
}
"""Latents by the name of their function in `gan_lab.latents`."""


@dataclass(frozen=True)
class Contract:
    """The inputs ``z`` (N, latent_dim) and ``y``, and the output (N, *shape), all but classes in float32.

    Attributes:
        latent_dim: size of z.
        distribution: of z, a key of `DISTRIBUTIONS` or the function that draws it.
        codes: of InfoGAN, at the end of z: the sizes of the one-hot ones, then 1 for each in [-1, 1); else None.
        num_classes: labels ``y`` (N,) are whole numbers below it; None: there are none.
        class_names: of these numbers, where they are known.
        label_dim: labels ``y`` (N, label_dim) are float vectors; None: they are none.
        shape: of a sample, (C, H, W) of images.
        value_range: of a sample's numbers; None: not bounded, as of points.
        data_range: to which ``value_range`` is mapped in the units of the data, [0, 255] of images; None: not mapped.
        truncation: built into the network; None: none.
        truncates: ``styles``, of which it is the share of the distance from the mean, or ``latents``, of which it is the bound.
        ema: whether the weights are the averaged ones.
        standing_statistics: whether BatchNorm has those of many batches at these weights.
        images_seen: in training.
    """

    latent_dim: int
    distribution: str
    codes: list[int] | None
    num_classes: int | None
    class_names: list[str]
    label_dim: int | None
    shape: list[int]
    value_range: list[float] | None
    data_range: Any
    truncation: float | None
    truncates: str | None
    ema: bool
    standing_statistics: bool
    images_seen: int

    @property
    def latents(self) -> str:
        """The distribution of z, in words."""
        words = DISTRIBUTIONS.get(self.distribution, f"as {self.distribution} draws them")
        if self.codes:
            words += f"; the last {sum(self.codes)} are codes, of {', '.join(map(str, self.codes))} numbers in turn"
        return words

    def plain(self) -> dict[str, Any]:
        """Return it as JSON takes it, the distribution in words too."""
        return asdict(self) | {"latents": self.latents}


def contract_of(gan: GAN, cfg: DictConfig, ema: bool, truncation: float | None) -> Contract:
    """Return the contract of a GAN's generator; draws a sample, which refuses what cannot be truncated."""
    sample, y = gan.sample(1, ema=ema, truncation=truncation), gan.labels(range(1))
    is_class = y is not None and not torch.is_floating_point(y)
    path = OmegaConf.select(cfg, "model.latent.path", default="gan_lab.latents.normal")
    data_range = OmegaConf.to_container(cfg.data).get("range")  # type: ignore[union-attr]
    if data_range is None and is_image(sample):
        data_range = [0, 255]
    truncates = "styles" if isinstance(gan, StyleGAN) and has_styles(gan.generator) else "latents"
    codes = [*gan.codes.categories, *[1] * gan.codes.continuous] if isinstance(gan, InfoGAN) else None
    return Contract(
        latent_dim=gan.generator.latent_dim,
        distribution=path.rpartition(".")[2] if path.startswith("gan_lab.latents.") else path,
        codes=codes,
        num_classes=gan.num_classes if is_class else None,
        class_names=[*map(str, gan.class_names)] if is_class else [],
        label_dim=None if y is None or is_class else y.shape[1],
        shape=list(sample.shape[1:]),
        value_range=None if data_range is None else [-1.0, 1.0],
        data_range=data_range,
        truncation=truncation,
        truncates=None if truncation is None else truncates,
        ema=ema,
        standing_statistics=gan.with_standing_statistics(gan.generator) is not gan.generator,
        images_seen=gan.images_seen,
    )
