"""Penalties on D's logits and features, without derivatives by the images: drift, centring, LeCam, consistency."""

from typing import TYPE_CHECKING

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from gan_lab.penalties import Penalty
from gan_lab.ranges import Count, Fraction, NonNegative, Whole
from gan_lab.schedules import From, Schedule, is_zero, value

if TYPE_CHECKING:
    from gan_lab.model.batch import Batch, Discriminate


class Drift(Penalty):
    """E[D(x)^2] on reals: a Wasserstein critic's logits do not drift away from 0 (Karras 2018, appendix A.1)."""

    def __init__(self, weight: NonNegative | Schedule = 0.001, interval: Count = 1) -> None:
        super().__init__(weight, interval)

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the mean square of the logits of reals."""
        return batch.real_logits.square().mean()


class Centring(Penalty):
    """E[(D(x) + D(G(z)))^2] over pairs: relativistic logits, which a shift leaves as good, stay around 0 (Lin 2025, AFM)."""

    def __init__(self, weight: NonNegative | Schedule = 0.01, interval: Count = 1) -> None:
        super().__init__(weight, interval)

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the mean square of the sums."""
        return (batch.real_logits + batch.fake_logits).square().mean()


class LeCam(Penalty):
    """E[(D(x) - a_fake)^2] + E[(D(G(z)) - a_real)^2]: logits stay near the other side's anchor (Tseng 2021).

    The anchors are running means of the logits of all processes' images, this step's included (of its parts, those until now),
    without the pull of a start at 0. They run from the first step; under an interval, over the steps that take the term.

    Differs from the authors' code: there only reals above a_fake and fakes below a_real count; the paper's formula has no such
    limit. Its BigGAN has a decay of 0.9 beside the weight of 0.3; the paper names 0.99.

    Args:
        weight: see `Penalty`.
        interval: see `Penalty`.
        decay: of the anchors, per step of D.
        first_image: the term is 0 before so many images.
    """

    sums: Tensor

    def __init__(
        self, weight: NonNegative | Schedule = 0.3, interval: Count = 1, decay: Fraction = 0.99, first_image: Whole = 0
    ) -> None:
        super().__init__(weight, interval)
        self.decay, self.begun = decay, From(first_image) if first_image else 1.0
        # Sums of the mean logits of reals, of fakes, and of ones; each step counts ``decay`` times as much as the next.
        self.register_buffer("sums", torch.zeros(3))

    def term(self, discriminator: "Discriminate", batch: "Batch") -> Tensor:
        """Return the squared distances of both logits from the anchors, which move first; in evaluation mode they rest."""
        real, fake = batch.real_logits, batch.fake_logits
        if self.training:
            self._observe(real.detach().mean(), fake.detach().mean(), batch.step.part)
        a_real, a_fake = self.sums[:2] / self.sums[2]
        distances = (real - a_fake).square().mean() + (fake - a_real).square().mean()
        return distances * value(self.begun, batch.images_seen)

    def _observe(self, real: Tensor, fake: Tensor, part: int) -> None:
        """Add the mean logits of a batch, or of a part of one, to the sums."""
        seen = torch.stack([real, fake, torch.ones_like(real)])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(seen)
            seen /= torch.distributed.get_world_size()
        if part == 0:
            self.sums *= self.decay
        self.sums += seen


class BCR(Penalty):
    """Balanced consistency: D gives an image x and its augmentation T(x) the same logit, reals and fakes (bCR, Zhao 2020).

    E[(D(x) - D(T(x)))^2]: D(x) is the logit that the loss has too; D(T(x)) is another pass for reals, and for fakes.

    Differs from the paper: what a shift brings in is 0 here (`DiffAugment`), there the image's reflection. An augmentation of
    all that D sees (``augment=``) is drawn anew for D(T(x)).

    Args:
        augment: T, called as in `gan_lab.augment`.
        weight_real: of the reals' term; a number, or a schedule in images.
        weight_fake: of the fakes' term; 0 is the consistency regularization of Zhang 2020, and saves its pass.
        interval: see `Penalty`.
    """

    def __init__(
        self,
        augment: nn.Module,
        weight_real: NonNegative | Schedule = 10.0,
        weight_fake: NonNegative | Schedule = 10.0,
        interval: Count = 1,
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
            if not is_zero(now := value(weight, batch.images_seen)):
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
        self,
        weight: NonNegative | Schedule = 2.0,
        interval: Count = 1,
        margin: NonNegative = 0.0,
        feature_weight: NonNegative = 0.1,
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
