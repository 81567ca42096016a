"""What is added to D's loss: a pure formula each, and the small module that weighs it.

A formula takes D (augmentation included), images (N, C, H, W) and labels, and gives a scalar. Gradients are taken per
image (the sum of the scores is differentiated) and in float32, outside autocast: half precision overflows in the norm.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_lab.batch import Batch, Score
from gan_lab.errors import InputError
from gan_lab.schedules import Schedule, value


def squared_gradient_norm(discriminator: Score, x: Tensor, y: Tensor | None) -> Tensor:
    """|grad_x D(x)|^2 of each image, (N,), differentiable in D's weights."""
    x = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_()
    with torch.autocast(x.device.type, enabled=False), torch.enable_grad():
        (gradient,) = torch.autograd.grad(discriminator(x, y).sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def gradient_penalty(
    discriminator: Score, x: Tensor, y: Tensor | None = None, target: float = 1.0, one_sided: bool = False
) -> Tensor:
    """E[(|grad_x D(x)| - target)^2] (Gulrajani 2017, eq. 3); one-sided: only norms above the target count (section 4)."""
    norm = (squared_gradient_norm(discriminator, x, y) + 1e-12).sqrt()  # the root's own gradient is infinite at 0
    excess = norm - target
    return (excess.relu() if one_sided else excess).square().mean()


def zero_centred(discriminator: Score, x: Tensor, y: Tensor | None = None) -> Tensor:
    """E[|grad_x D(x)|^2]: R1 on reals, R2 on fakes (Mescheder 2018, eq. 9 and 10, without the factor gamma / 2)."""
    return squared_gradient_norm(discriminator, x, y).mean()


def interpolate(real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Points between reals and fakes, one mixing weight per image: ``mix`` is (N,) in [0, 1] (Gulrajani 2017, algorithm 1)."""
    return torch.lerp(real, fake, mix.to(real.dtype).view(-1, *[1] * (real.ndim - 1)))


class Penalty(nn.Module, ABC):
    """A weighted term of D's loss.

    Args:
        weight: a number, or a schedule in images.
        interval: the term is taken at every ``interval``-th step of D and then counts ``interval`` times (Karras 2020,
            StyleGAN2 appendix B). It joins the main loss instead of having a step of its own, so that the learning rate
            and betas need no correction.
    """

    needs_independent_scores: ClassVar[bool] = False
    """Whether the score of an image may not depend on the others of its batch."""

    def __init__(self, weight: float | Schedule, interval: int = 1) -> None:
        super().__init__()
        self.weight, self.interval = weight, interval

    def is_due(self, batch: Batch) -> bool:
        """Whether this step of D takes the term."""
        return batch.d_steps_done % self.interval == 0

    def forward(self, discriminator: Score, batch: Batch) -> Tensor:
        """The term of this step, a scalar."""
        return self.term(discriminator, batch) * (value(self.weight, batch.images_seen) * self.interval)

    @abstractmethod
    def term(self, discriminator: Score, batch: Batch) -> Tensor:
        """The unweighted formula."""

    def check(self, name: str, discriminator: nn.Module) -> None:
        """Refuse a discriminator under which the term has no meaning."""
        if self.needs_independent_scores and any(isinstance(m, _BatchNorm) for m in discriminator.modules()):
            raise InputError(
                f"penalty={name} takes the gradient of each image's own score, and BatchNorm in the discriminator makes "
                "a score depend on the whole batch: use network.discriminator.norm=layer (or none, instance, spectral)"
            )


class GradientPenalty(Penalty):
    """WGAN-GP's term: |grad D| is pulled to ``target`` between reals and fakes (Gulrajani 2017, eq. 3).

    Args:
        weight: the paper's 10.
        interval: see `Penalty`.
        target: the wanted norm: 1, or 0 (Thanh-Tung 2019).
        one_sided: whether norms below the target are free.
    """

    needs_independent_scores = True

    def __init__(
        self, weight: float | Schedule = 10.0, interval: int = 1, target: float = 1.0, one_sided: bool = False
    ) -> None:
        super().__init__(weight, interval)
        self.target, self.one_sided = target, one_sided

    def term(self, discriminator: Score, batch: Batch) -> Tensor:
        """The penalty at random points between reals and fakes."""
        x = interpolate(batch.real, batch.fake, batch.noise.uniform(len(batch.real)))
        return gradient_penalty(discriminator, x, batch.y, self.target, self.one_sided)


class R1(Penalty):
    """gamma / 2 E[|grad D|^2] on reals (Mescheder 2018, eq. 9); ``weight`` is gamma."""

    needs_independent_scores = True

    def term(self, discriminator: Score, batch: Batch) -> Tensor:
        """Half the squared gradient on reals."""
        return zero_centred(discriminator, batch.real, batch.y) / 2


class R2(Penalty):
    """gamma / 2 E[|grad D|^2] on fakes (Mescheder 2018, eq. 10); ``weight`` is gamma."""

    needs_independent_scores = True

    def term(self, discriminator: Score, batch: Batch) -> Tensor:
        """Half the squared gradient on fakes."""
        return zero_centred(discriminator, batch.fake, batch.fake_y) / 2


class Dragan(Penalty):
    """DRAGAN's term: |grad D| is pulled to 1 around the data (Kodali 2017).

    Differs from the paper: the perturbation is uniform in +-``spread`` standard deviations of the batch, symmetric as in the
    published comparison of Lucic 2018, where the authors' notebook has U(0, 1) and the paper a normal distribution.
    """

    needs_independent_scores = True

    def __init__(self, weight: float | Schedule = 10.0, interval: int = 1, spread: float = 0.5) -> None:
        super().__init__(weight, interval)
        self.spread = spread

    def term(self, discriminator: Score, batch: Batch) -> Tensor:
        """The penalty at reals moved by noise."""
        shift = (batch.noise.uniform(*batch.real.shape) * 2 - 1) * self.spread * batch.real.std()
        return gradient_penalty(discriminator, batch.real + shift, batch.y)
