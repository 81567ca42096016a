"""Penalties on D's side: pure formulas, and the small modules that weigh them in D's loss.

A formula takes D (augmentation included), images (N, C, H, W) and labels, and returns a scalar. Gradients are taken per
image (the sum of the logits is differentiated) and in float32, outside autocast: half precision overflows in the norm.
"""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from gan_lab.errors import InputError, pick
from gan_lab.schedules import Schedule, value

if TYPE_CHECKING:
    from gan_lab.model.batch import Batch, Discriminate, Kind


def squared_gradient_norm(discriminator: "Discriminate", x: Tensor, y: Tensor | None) -> Tensor:
    """Return |grad_x D(x)|^2 of each image, (N,), differentiable in D's weights."""
    x = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_()
    with torch.autocast(x.device.type, enabled=False), torch.enable_grad():
        (gradient,) = torch.autograd.grad(discriminator(x, y).sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def gradient_penalty(
    discriminator: "Discriminate", x: Tensor, y: Tensor | None = None, target: float = 1.0, one_sided: bool = False
) -> Tensor:
    """Return E[(|grad_x D(x)| - target)^2] (Gulrajani 2017, eq. 3); one-sided: only norms above the target (section 4)."""
    norm = (squared_gradient_norm(discriminator, x, y) + 1e-12).sqrt()  # the root's own gradient is infinite at 0
    excess = norm - target
    return (excess.relu() if one_sided else excess).square().mean()


def zero_centred(discriminator: "Discriminate", x: Tensor, y: Tensor | None = None) -> Tensor:
    """Return E[|grad_x D(x)|^2]: R1 on reals, R2 on fakes (Mescheder 2018, eq. 9 and 10, without the factor gamma / 2)."""
    return squared_gradient_norm(discriminator, x, y).mean()


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

    def __init__(self, weight: float | Schedule, interval: int = 1) -> None:
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
        self, weight: float | Schedule = 10.0, interval: int = 1, target: float = 1.0, one_sided: bool = False
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
        weight: float | Schedule = 10.0,
        interval: int = 1,
        estimator: str = "double_backward",
        size: float = 0.01,
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
        weight: float | Schedule = 10.0,
        interval: int = 1,
        estimator: str = "double_backward",
        size: float = 0.01,
        stride: int = 1,
    ) -> None:
        super().__init__(weight, interval, estimator, size)
        self.stride = stride

    def prepare(self, batch: "Batch") -> None:
        """Ask for a neighbour of each image."""
        images, _ = batch.images(self.kind, self.stride)
        if self.differs and self.is_due(batch) and not torch.is_autocast_enabled(images.device.type):
            batch.offsets.setdefault(self.kind, (self.stride, self.offset(batch, images)))

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return half the mean squared gradient."""
        images, y = batch.images(self.kind, self.stride)
        if not self.differs:
            return zero_centred(discriminator, images, y) / 2
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
        weight: float | Schedule = 10.0,
        interval: int = 1,
        spread: float = 0.5,
        estimator: str = "double_backward",
        size: float = 0.01,
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


class Drift(Penalty):
    """E[D(x)^2] on reals: a Wasserstein critic's logits do not drift away from 0 (Karras 2018, appendix A.1)."""

    def __init__(self, weight: float | Schedule = 0.001, interval: int = 1) -> None:
        super().__init__(weight, interval)

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the mean square of the logits of reals."""
        return batch.real_logits.square().mean()


class Centring(Penalty):
    """E[(D(x) + D(G(z)))^2] over pairs: relativistic logits, which a shift leaves as good, stay around 0 (Lin 2025, AFM)."""

    def __init__(self, weight: float | Schedule = 0.01, interval: int = 1) -> None:
        super().__init__(weight, interval)

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the mean square of the sums."""
        return (batch.real_logits + batch.fake_logits).square().mean()


class LeCam(Penalty):
    """E[(D(x) - a_fake)^2] + E[(D(G(z)) - a_real)^2]: logits stay near the other side's anchor (Tseng 2021).

    The anchors are running means of the logits of all processes' images, this step's included (of its parts, those until now),
    without the pull of a start at 0. They run from the first step; under an interval, over the steps that take the term.

    Differs from the authors' code: there only reals above a_fake and fakes below a_real count; the paper's formula has no such
    limit.

    Args:
        weight: see `Penalty`.
        interval: see `Penalty`.
        decay: of the anchors, per step of D.
        first_image: the term is 0 before so many images.
    """

    sums: Tensor

    def __init__(self, weight: float | Schedule = 0.3, interval: int = 1, decay: float = 0.99, first_image: int = 0) -> None:
        super().__init__(weight, interval)
        self.decay, self.first_image = decay, first_image
        # Sums of the mean logits of reals, of fakes, and of ones; each step counts ``decay`` times as much as the next.
        self.register_buffer("sums", torch.zeros(3))
        self.step = -1  # of D, the last in the sums; needs no saving, for the step after a checkpoint is another

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the squared distances of both logits from the anchors, which move first; in evaluation mode they rest."""
        real, fake = batch.real_logits, batch.fake_logits
        if self.training:
            self._observe(real.detach().mean(), fake.detach().mean(), batch.d_steps_done)
        a_real, a_fake = self.sums[:2] / self.sums[2]
        distances = (real - a_fake).square().mean() + (fake - a_real).square().mean()
        return distances * (batch.images_seen >= self.first_image)

    def _observe(self, real: Tensor, fake: Tensor, step: int) -> None:
        """Add the mean logits of a batch, or of a part of one, to the sums."""
        seen = torch.stack([real, fake, torch.ones_like(real)])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(seen)
            seen /= torch.distributed.get_world_size()
        if step != self.step:
            self.sums *= self.decay
        self.sums += seen
        self.step = step


class BCR(Penalty):
    """Balanced consistency: D gives an image x and its augmentation T(x) the same logit, reals and fakes (bCR, Zhao 2020).

    E[(D(x) - D(T(x)))^2]: D(x) is the logit that the loss has too; D(T(x)) is another pass for reals, and for fakes.

    Differs from the paper: nothing known; an augmentation of all that D sees (``augment=``) is drawn anew for D(T(x)).

    Args:
        augment: T, called as in `gan_lab.augment`.
        weight_real: of the reals' term; a number, or a schedule in images.
        weight_fake: of the fakes' term; 0 is the consistency regularization of Zhang 2020, and saves its pass.
        interval: see `Penalty`.
    """

    def __init__(
        self,
        augment: nn.Module,
        weight_real: float | Schedule = 10.0,
        weight_fake: float | Schedule = 10.0,
        interval: int = 1,
    ) -> None:
        super().__init__(1.0, interval)
        self.augment, self.weight_real, self.weight_fake = augment, weight_real, weight_fake

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the two terms, weighted."""
        sides = (
            (self.weight_real, batch.real, batch.y, batch.real_logits),
            (self.weight_fake, batch.fake, batch.fake_y, batch.fake_logits),
        )
        term = torch.zeros_like(batch.real_logits[0])
        for weight, x, y, logits in sides:
            if now := value(weight, batch.images_seen):
                augmented = self.augment(x, batch.rng, batch.images_seen)
                term = term + now * (logits - discriminator(augmented, y)).square().mean()
        return term


class DropoutConsistency(Penalty):
    """CT-GAN's consistency term: two dropouts of D agree on the same reals (Wei 2018).

    E[max(0, (d1 - d2)^2 + 0.1 mean((f1 - f2)^2) - M)] of logits d and features f. The first pass is that of
    the loss.

    Differs from the paper: nothing known; as in the authors' code, distances are squares, the features' a mean over them. Those
    of network=resnet are sums over positions here, and means there.

    Args:
        weight: see `Penalty`.
        interval: see `Penalty`.
        margin: M, which is free; the authors' code has 0.
        feature_weight: of the features' distance beside that of the logits.
    """

    def __init__(
        self, weight: float | Schedule = 2.0, interval: int = 1, margin: float = 0.0, feature_weight: float = 0.1
    ) -> None:
        super().__init__(weight, interval)
        self.margin, self.feature_weight = margin, feature_weight

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the distance of two passes beyond the margin."""
        assert batch.features and batch.head, "this batch was made without D's features"
        first, second = batch.real_features, batch.features(batch.real, batch.y)
        between_logits = (batch.head(first, batch.y) - batch.head(second, batch.y)).square()
        between_features = (first.to(batch.real.dtype) - second.to(batch.real.dtype)).square().flatten(1).mean(1)
        return (between_logits + self.feature_weight * between_features - self.margin).relu().mean()

    def check(self, name: str, discriminator: nn.Module) -> None:
        """Warn where two passes would never differ."""
        super().check(name, discriminator)
        if not any(isinstance(m, _DropoutNd) and m.p > 0 for m in discriminator.modules()):
            rank_zero_warn(f"penalty={name} is 0 without dropout in D: give network.discriminator.dropout=0.5")
