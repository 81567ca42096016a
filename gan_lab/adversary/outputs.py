"""What a discriminator hands over: maps of logits, and the features before them."""

from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from gan_lab.errors import InputError


class Outputs(NamedTuple):
    """Logits and features of a discriminator, which may be several.

    Attributes:
        logits: raw, of each discriminator a tensor (N, ...): one logit per example, or a map of them.
        features: of each discriminator its hidden layers (N, ...), from the input on; an empty list where it hands over none.
    """

    logits: list[Tensor]
    features: list[list[Tensor]]

    def per_example(self) -> Tensor:
        """Return one logit per example (N,): the mean over each map, summed over the discriminators, as their losses are."""
        means = [logits.reshape(len(logits), -1).mean(1) for logits in self.logits]
        return sum(means[1:], means[0])


def see(discriminator: nn.Module, x: Tensor) -> Outputs:
    """Return what a discriminator says of x (N, ...), with logits of x's dtype; one that returns logits alone has no features.

    Raises:
        InputError: it returns something else.
    """
    made: Any = discriminator(x)
    if isinstance(made, Tensor):
        made = Outputs([made], [[]])
    if not isinstance(made, Outputs):
        raise InputError(
            f"{type(discriminator).__name__} returns a {type(made).__name__}: a discriminator returns a tensor of logits "
            "(N, ...), or gan_lab.adversary.Outputs(logits, features) with a list for each"
        )
    return made._replace(logits=[logits.to(x.dtype) for logits in made.logits])


def feature_matching(real: Outputs, fake: Outputs) -> Tensor:
    """Return the sum over discriminators and layers of E|f(real) - f(fake)|, the mean over a layer's numbers.

    Kong 2020 (HiFi-GAN, https://arxiv.org/abs/2010.05646), eq. 5; Wang 2018 (pix2pixHD, https://arxiv.org/abs/1711.11585),
    eq. 3. Example i of the fakes is compared with example i of the reals, from which no gradient flows.

    Raises:
        InputError: there are no features.
    """
    pairs = [pair for lists in zip(real.features, fake.features, strict=True) for pair in zip(*lists, strict=True)]
    if not pairs:
        raise InputError(
            "feature_weight compares D's features, and this discriminator hands over none: return "
            "gan_lab.adversary.Outputs(logits, features) from its forward, or use feature_weight=0"
        )
    return sum((l1_loss(f, r.detach()) for r, f in pairs[1:]), l1_loss(pairs[0][1], pairs[0][0].detach()))
