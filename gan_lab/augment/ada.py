"""Adaptive discriminator augmentation (Karras 2020, https://arxiv.org/abs/2006.06676)."""

from typing import TYPE_CHECKING

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn

from gan_lab.augment import diffaugment
from gan_lab.augment.color import color_maps, recolored
from gan_lab.augment.geometric import general_maps, geometric, whole_maps
from gan_lab.augment.resample import phases
from gan_lab.ranges import Correlation, Count, Fraction, NonNegative, Positive
from gan_lab.rng import StepRNG
from gan_lab.schedules import Schedule, value

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule


class ADA(nn.Module):
    """Random transforms of every image that D sees, whose probability p follows how surely D takes reals for real.

    Every ``interval`` steps of D, p rises if the mean sign of its logits of these steps' reals, of all processes, is above
    ``target``, and falls if it is below (section 3.1); it stays at 0 or above, and from 1 on every transform is made. Signs are
    taken from the decision threshold. The transforms are the paper's pipe bgc and cutout, in its order (appendix B); each is
    drawn for each image with the probability p times its factor. Images have any number of channels. On one, hue and
    saturation change nothing; hue needs three.

    Differs from the authors' code: flips, quarter turns and whole shifts keep pixels exactly where nothing else moves an image,
    there all go through the antialiasing filter; beyond its border the image goes on as its mirror image without end, there for
    at most its own size; quarter turns of an image that is no square are half turns.

    Args:
        target: of the mean sign, in [-1, 1].
        interval: steps of D between two moves of p.
        speed_kimg: thousands of images in which p moves by 1.
        p: a number or a schedule in images in place of the rule; None: the rule.
        flip: factor of p: mirror left to right, in half of the cases.
        quarter_turns: factor of p: rotate by 0, 90, 180 or 270 degrees.
        shift: factor of p: shift by whole pixels, up to an eighth of the size.
        scale: factor of p: zoom by 2^N(0, 0.2^2).
        rotate: factor of p: rotate by any angle, before the stretch or after it.
        stretch: factor of p: zoom by s across and 1 / s down, s of 2^N(0, 0.2^2).
        translate: factor of p: shift by N(0, 0.125^2) of the size.
        brightness: factor of p: add N(0, 0.2^2).
        contrast: factor of p: scale by 2^N(0, 0.5^2).
        luma_flip: factor of p: reverse light and dark, in half of the cases.
        hue: factor of p: rotate by any angle.
        saturation: factor of p: scale by 2^N(0, 1).
        cutout: factor of p: blank a rectangle of half the height and width.
    """

    p: Tensor
    signs: Tensor
    factors: Tensor
    filters: Tensor

    def __init__(
        self,
        target: Correlation = 0.6,
        interval: Count = 4,
        speed_kimg: Positive = 500.0,
        p: Fraction | Schedule | None = None,
        flip: NonNegative = 1.0,
        quarter_turns: NonNegative = 1.0,
        shift: NonNegative = 1.0,
        scale: NonNegative = 1.0,
        rotate: NonNegative = 1.0,
        stretch: NonNegative = 1.0,
        translate: NonNegative = 1.0,
        brightness: NonNegative = 1.0,
        contrast: NonNegative = 1.0,
        luma_flip: NonNegative = 1.0,
        hue: NonNegative = 1.0,
        saturation: NonNegative = 1.0,
        cutout: NonNegative = 0.0,
    ) -> None:
        super().__init__()
        self.target, self.interval, self.speed_kimg, self.fixed = target, interval, speed_kimg, p
        self.rotate = rotate
        factors = [
            flip,
            quarter_turns,
            shift,
            brightness,
            contrast,
            luma_flip,
            hue,
            saturation,
            cutout,
            scale,
            stretch,
            translate,
        ]
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(3))  # since the last move of p: their sum, their number, steps of D
        self.register_buffer("factors", torch.tensor(factors), persistent=False)
        self.register_buffer("filters", phases(), persistent=False)

    def check(self, name: str, gan: "GANModule") -> None:
        """Warn of logits whose sign says nothing."""
        if self.fixed is None and gan.decision_threshold is None:
            rank_zero_warn(
                f"augment={name} follows the sign of D's logits, which have no origin in this model: fix its probability, as "
                f"augment.{name}.p=0.3"
            )

    def forward(self, images: Tensor, rng: StepRNG, images_seen: int) -> Tensor:
        """Return augmented images (N, C, H, W), computed in float32 or better; at p = 0 the images bit for bit."""
        diffaugment.check_images(images, "augment=ada")
        if self.fixed is not None:
            self.p.fill_(value(self.fixed, images_seen))
        with torch.autocast(images.device.type, enabled=False):
            x = images.to(torch.promote_types(images.dtype, torch.float32))
            return self._transformed(x, rng).to(images.dtype)

    def _transformed(self, x: Tensor, rng: StepRNG) -> Tensor:
        n, channels, *size = x.shape
        is_due = rng.uniform(n, len(self.factors) + 2) < self.probabilities()
        moves, colors, cuts, maps = is_due.split([3, 5, 1, 5], 1)
        u, z = rng.uniform(n, 10).to(x.dtype), rng.normal(n, 7).to(x.dtype)
        whole, general = whole_maps(moves, u[:, :4], *size), general_maps(maps, u[:, 4:6], z[:, :4], *size)
        x = geometric(x, whole, general, maps.any(1), self.filters.to(x.dtype))
        matrix = color_maps(colors, u[:, 6:8], z[:, 4:], channels)
        x = torch.where(colors.any(1)[:, None, None, None], recolored(x, matrix), x)
        return torch.where(cuts[:, :, None, None], diffaugment.cutout(x, u[:, 8], u[:, 9]), x)

    def probabilities(self) -> Tensor:
        """Return the probability of each transform, (14,), the two rotations last: that of either is the one asked for."""
        once = 1 - (1 - self.p * self.rotate).clamp(0, 1).sqrt()
        return torch.cat([self.p * self.factors, once.expand(2)])

    @torch.no_grad()
    def observe(self, real_logits: Tensor, images_seen: int) -> dict[str, Tensor]:
        """Move p, if it is time, by D's logits (N,) of a step's reals on this process; return it for the records."""
        if self.fixed is None:
            self._move(real_logits.sign().to(self.signs.dtype))
        return {"p": self.p.clone()}

    def _move(self, signs: Tensor) -> None:
        seen = torch.stack([signs, torch.ones_like(signs)]).sum(1)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(seen)
        self.signs[:2] += seen
        self.signs[2] += 1
        total, images, steps = self.signs.unbind()
        is_due = steps >= self.interval
        move = (total / images - self.target).sign() * images / (self.speed_kimg * 1000)
        self.p.copy_(torch.where(is_due, (self.p + move).clamp_min(0), self.p))
        self.signs.mul_(~is_due)
