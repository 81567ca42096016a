"""Penalties on D's side: pure formulas, and the small modules that weigh them in D's loss.

A formula takes D (augmentation included), images (N, C, H, W) and labels, and returns a scalar. Gradients are taken per
image (the sum of the logits is differentiated) and in float32, outside autocast: half precision overflows in the norm. R1 and
R2 alone follow autocast, for a network that states so (``bf16_stages``).
"""

import math
from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from gan_lab.convolutions import TwiceDifferentiable, gradients
from gan_lab.errors import InputError, pick
from gan_lab.ranges import Count, NonNegative, Positive
from gan_lab.schedules import Schedule, value

if TYPE_CHECKING:
    from gan_lab.model.batch import Batch, Discriminate, Kind


def squared_gradient_norm(discriminator: "Discriminate", x: Tensor, y: Tensor | None, autocast: bool = False) -> Tensor:
    """Return |grad_x D(x)|^2 of each image, (N,), differentiable in D's weights; with ``autocast`` in the loss's precision."""
    x = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_()
    full = nullcontext() if autocast else torch.autocast(x.device.type, enabled=False)
    with full, torch.enable_grad(), TwiceDifferentiable():
        total = discriminator(x, y).sum()
    (gradient,) = gradients(total, x)
    return gradient.flatten(1).square().sum(1)


def gradient_penalty(
    discriminator: "Discriminate", x: Tensor, y: Tensor | None = None, target: float = 1.0, one_sided: bool = False
) -> Tensor:
    """Return E[(|grad_x D(x)| - target)^2] (Gulrajani 2017, eq. 3); one-sided: only norms above the target (section 4)."""
    norm = (squared_gradient_norm(discriminator, x, y) + 1e-12).sqrt()  # the root's own gradient is infinite at 0
    excess = norm - target
    return (excess.relu() if one_sided else excess).square().mean()


def zero_centred(discriminator: "Discriminate", x: Tensor, y: Tensor | None = None, autocast: bool = False) -> Tensor:
    """Return E[|grad_x D(x)|^2]: R1 on reals, R2 on fakes (Mescheder 2018, eq. 9 and 10, without the factor gamma / 2)."""
    return squared_gradient_norm(discriminator, x, y, autocast).mean()


def interpolate(real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return points between reals and fakes by one mixing weight per image, (N,) in [0, 1] (Gulrajani 2017, algorithm 1)."""
    return torch.lerp(real, fake, mix.to(real.dtype).view(-1, *[1] * (real.ndim - 1)))


class Penalty(nn.Module, ABC):
    """A weighted term of D's loss.

    Args:
        weight: a number, or a schedule in images.
        interval: the term is taken at every ``interval``-th step of D and then counts ``interval`` times (Karras 2020,
            StyleGAN2 appendix B). It joins the main loss instead of having a step of its own, so that the learning rate
            and betas need no correction.
    """

    needs_independent_logits: ClassVar[bool] = False
    """Whether the logit of an image must not depend on the others of its batch."""

    def __init__(self, weight: NonNegative | Schedule, interval: Count = 1) -> None:
        super().__init__()
        self.weight, self.interval = weight, interval

    def is_due(self, batch: "Batch") -> bool:
        """Return whether this step of D takes the term."""
        return batch.d_steps_done % self.interval == 0

    def forward(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the weighted term of this step, a scalar."""
        return self.term(discriminator, batch) * (value(self.weight, batch.images_seen) * self.interval)

    @abstractmethod
    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the unweighted formula."""

    def prepare(self, batch: "Batch") -> None:
        """Ask for neighbours of the images (``batch.offsets``), before D sees any."""

    def check(self, name: str, discriminator: nn.Module) -> None:
        """Refuse a discriminator for which the term is not defined."""
        if self.needs_independent_logits and any(isinstance(m, _BatchNorm) for m in discriminator.modules()):
            raise InputError(
                f"penalty={name} takes the gradient of each image's own logit, and BatchNorm in the discriminator makes "
                "a logit depend on the whole batch: use network.discriminator.norm=layer (or none, instance, spectral)"
            )


class GradientPenalty(Penalty):
    """WGAN-GP's term: |grad D| is pulled to ``target`` between reals and fakes (Gulrajani 2017, eq. 3).

    Args:
        weight: the paper's 10.
        interval: see `Penalty`.
        target: the wanted norm: 1, or 0 (Thanh-Tung 2019).
        one_sided: whether norms below the target are free.
    """

    needs_independent_logits = True

    def __init__(
        self, weight: NonNegative | Schedule = 10.0, interval: Count = 1, target: NonNegative = 1.0, one_sided: bool = False
    ) -> None:
        super().__init__(weight, interval)
        self.target, self.one_sided = target, one_sided

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the penalty at random points between reals and fakes."""
        x = interpolate(batch.real, batch.fake, batch.rng.uniform(len(batch.real)))
        return gradient_penalty(discriminator, x, batch.y, self.target, self.one_sided)


class GradientNorm(Penalty):
    """A function of |grad D|^2 of each image, by one of two estimators.

    Args:
        weight: see `Penalty`.
        interval: see `Penalty`.
        estimator: "double_backward" differentiates D's gradient. "finite_difference" has (D(x + s n) - D(x))^2 / s^2 with n
            normal (Lin 2025, https://arxiv.org/abs/2501.08316): to first order of the same expectation, without second
            derivatives and, unless precision is mixed, in the one pass of the logits. x is there the image after augmentation.
        size: s.
    """

    needs_independent_logits = True

    def __init__(
        self,
        weight: NonNegative | Schedule = 10.0,
        interval: Count = 1,
        estimator: str = "double_backward",
        size: Positive = 0.01,
    ) -> None:
        super().__init__(weight, interval)
        self.differs = pick({"double_backward": False, "finite_difference": True}, estimator, "estimator")
        self.size = size

    def check(self, name: str, discriminator: nn.Module) -> None:
        """Refuse dropout, whose two draws would be taken for a slope."""
        super().check(name, discriminator)
        if self.differs and any(isinstance(m, _DropoutNd) and m.p > 0 for m in discriminator.modules()):
            raise InputError(
                f"penalty.{name}.estimator=finite_difference compares two logits of D, and each has a dropout of its own: use "
                "network.discriminator.dropout=0.0 or estimator=double_backward"
            )

    def offset(self, batch: "Batch", images: Tensor) -> Tensor:
        """Draw s n."""
        return batch.rng.normal(*images.shape).to(images.dtype) * self.size


class ZeroCentred(GradientNorm):
    """gamma / 2 E[|grad D|^2] on one kind of image.

    Args:
        weight: see `Penalty`.
        interval: see `Penalty`.
        estimator: see `GradientNorm`.
        size: see `GradientNorm`.
        stride: the mean is over every ``stride``-th image of the batch (Lin 2025: a quarter of it); where the images of a
            process, or of a part, are a multiple of it, these are the same ones whatever their number.
    """

    kind: ClassVar["Kind"]

    def __init__(
        self,
        weight: NonNegative | Schedule = 10.0,
        interval: Count = 1,
        estimator: str = "double_backward",
        size: Positive = 0.01,
        stride: Count = 1,
    ) -> None:
        super().__init__(weight, interval, estimator, size)
        self.stride, self.autocast = stride, False

    def check(self, name: str, discriminator: nn.Module) -> None:
        """Follow a network whose authors take this penalty through its bf16 stages (``bf16_stages``)."""
        super().check(name, discriminator)
        self.autocast = any(getattr(module, "bf16_stages", False) for module in discriminator.modules())

    def prepare(self, batch: "Batch") -> None:
        """Ask for a neighbour of each image."""
        images, _ = batch.images(self.kind, self.stride)
        if self.differs and self.is_due(batch) and not torch.is_autocast_enabled(images.device.type):
            batch.offsets.setdefault(self.kind, (self.stride, self.offset(batch, images)))

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return half the mean squared gradient."""
        images, y = batch.images(self.kind, self.stride)
        if not self.differs:
            return zero_centred(discriminator, images, y, self.autocast) / 2
        shared = self.kind in batch.offsets
        difference = batch.differences(self.kind) if shared else batch.differences_at(images, y, self.offset(batch, images))
        return (difference / self.size).square().mean() / 2


class R1(ZeroCentred):
    """gamma / 2 E[|grad D|^2] on reals (Mescheder 2018, eq. 9); ``weight`` is gamma."""

    kind = "real"


class R2(ZeroCentred):
    """gamma / 2 E[|grad D|^2] on fakes (Mescheder 2018, eq. 10); ``weight`` is gamma."""

    kind = "fake"


class Dragan(GradientNorm):
    """DRAGAN's term: |grad D| is pulled to 1 around the data (Kodali 2017).

    Differs from the paper: the perturbation is uniform in +-``spread`` standard deviations of the batch, symmetric as in the
    published comparison of Lucic 2018, where the authors' notebook has U(0, 1) and the paper a normal distribution.
    """

    def __init__(
        self,
        weight: NonNegative | Schedule = 10.0,
        interval: Count = 1,
        spread: NonNegative = 0.5,
        estimator: str = "double_backward",
        size: Positive = 0.01,
    ) -> None:
        super().__init__(weight, interval, estimator, size)
        self.spread = spread

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the penalty at reals moved by noise.

        From a slope d along n, which is normal with variance |grad D|^2, (|grad D| - 1)^2 = E[d^2 - 2 sqrt(pi / 2) |d| + 1].
        """
        shift = (batch.rng.uniform(*batch.real.shape) * 2 - 1) * self.spread * batch.real.std()
        x = batch.real + shift
        if not self.differs:
            return gradient_penalty(discriminator, x, batch.y)
        slope = batch.differences_at(x, batch.y, self.offset(batch, x)) / self.size
        return (slope.square() - math.sqrt(2 * math.pi) * slope.abs() + 1).mean()
