"""InfoGAN (Chen 2016, https://arxiv.org/abs/1606.03657)."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, one_hot

from gan_lab.errors import InputError
from gan_lab.latents import RNG
from gan_lab.model.base import TrainedNetwork
from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN
from gan_lab.network import layers
from gan_lab.ranges import NonNegative, Size, Whole


class InfoGAN(GAN):
    """The last latents are codes, which a head Q on D's features learns to recover from G's images.

    G and Q both raise a lower bound on the mutual information of codes and images (eq. 5, 6).

    Differs from the paper: the head has no BatchNorm, and by default torch's initial weights where the authors' are N(0, 0.02)
    (``head_init="normal"``); its continuous codes have the variance 1 of the authors' code. That
    code's MNIST script has 62 latents beside its 12 codes, where ``network=dcgan`` as configured leaves 88, batches of 128, and
    a dense layer of 1024 in both networks.

    Args:
        generator: see `GANModule`.
        discriminator: see `GANModule`; has ``num_features``.
        categories: the number of values of each categorical code.
        continuous: the number of codes in [-1, 1).
        information_weight: of the bound (lambda) in both losses.
        head_init: initial weights of Q, a key of `layers.INITS`; None: torch's.
        args: see `GANModule`.
        kwargs: see `GANModule`; ``latent`` draws what is no code.
    """

    needs_latents = True

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        *args: Any,
        categories: Sequence[Size],
        continuous: Whole,
        information_weight: NonNegative = 1.0,
        head_init: str | None = None,
        **kwargs: Any,
    ) -> None:
        codes = Codes(categories, continuous)
        if generator.latent_dim <= codes.size:
            raise InputError(
                f"network.generator.latent_dim={generator.latent_dim} leaves no room for noise beside the {codes.size} "
                f"numbers of the codes: use {generator.latent_dim + codes.size}"
            )
        q_head = QHead(discriminator.num_features, codes.size)
        layers.initialise(q_head, head_init)
        super().__init__(generator, discriminator, *args, **kwargs)
        self.q_head, self.codes, self.information_weight = q_head, codes, information_weight
        self.latent = codes.beside(self.latent)

    def trained_networks(self) -> list[TrainedNetwork]:
        """Return G, D and the Q head, which learns in D's step."""
        return [*super().trained_networks(), TrainedNetwork("q", self.q_head, self.d_optimizer, "d")]

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return -lambda L_I of the fakes, from which the Q head learns."""
        return {"d_code_loss": self.code_loss(batch)}

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return -lambda L_I, eq. 6."""
        return {"g_code_loss": self.code_loss(batch)}

    def code_loss(self, batch: Batch) -> Tensor:
        """Return -lambda L_I of the codes in the latents of this batch's fakes."""
        assert batch.z is not None, "this batch was made without latents"
        reading = self.q_head(batch.fake_features).to(self.float_type)
        return -self.information_weight * self.codes.information(reading, batch.z[:, -self.codes.size :])

    def preview(self, n: int) -> Tensor:
        """Return rows in which one code takes its values and all else stays; each row has another code and new latents."""
        z = self.latent_rows(range(max(1, n // self.columns)), self.seed)[:, None].repeat(1, self.columns, 1)
        for number, row in enumerate(z):
            self.codes.sweep(row, number)
        return self.generate(z.flatten(0, 1))

    @property
    def columns(self) -> int:
        """Number of values of the largest categorical code; 10 without one."""
        return max(self.codes.categories, default=10)


class Codes:
    """Layout of the codes in the last ``size`` latents: categorical ones first, one-hot, then continuous ones.

    Args:
        categories: the number of values of each categorical code.
        continuous: the number of codes in [-1, 1).
    """

    def __init__(self, categories: Sequence[int], continuous: int) -> None:
        self.categories, self.continuous = list(categories), continuous
        self.size = sum(categories) + continuous

    def beside(self, latent: Callable[..., Tensor]) -> Callable[[RNG, int, int], Tensor]:
        """Return a source of latents (n, dim) that end in codes and begin as ``latent`` draws them."""

        def draw(rng: RNG, n: int, dim: int) -> Tensor:
            begin = latent(rng, n, dim - self.size)
            values = rng.uniform(n, len(self.categories) + self.continuous).unbind(1)
            chosen = [
                (v * k).long()[:, None] == torch.arange(k, device=v.device)
                for v, k in zip(values, self.categories, strict=False)
            ]
            return torch.cat([begin, *chosen, *(v[:, None] * 2 - 1 for v in values[len(chosen) :])], 1)

        return draw

    def information(self, reading: Tensor, codes: Tensor) -> Tensor:
        """Return L_I = E[log Q(c | x)] + H(c), summed over the codes, in nats (eq. 5).

        Args:
            reading: what Q says, (N, size): logits of the categorical codes, means of normal distributions of variance 1.
            codes: what G was given, (N, size).
        """
        sizes = [*self.categories, self.continuous]
        *logits, mean = reading.split(sizes, 1)
        *chosen, value = codes.split(sizes, 1)
        log_q = [(log_softmax(said, 1) * c).sum(1) for said, c in zip(logits, chosen, strict=True)]
        log_q.append((-(value - mean).square() / 2 - math.log(2 * math.pi) / 2).sum(1))
        entropy = sum(map(math.log, self.categories)) + self.continuous * math.log(2)
        return torch.stack(log_q).sum(0).mean() + entropy

    def sweep(self, z: Tensor, number: int) -> None:
        """Let one code, the ``number``-th in turn, take its values along the rows of ``z`` (N, dim)."""
        sizes = [*self.categories, *[1] * self.continuous]
        place = number % len(sizes)
        code = z[:, -self.size :].split(sizes, 1)[place]
        if place < len(self.categories):
            code.copy_(one_hot(torch.arange(len(z)) % sizes[place], sizes[place]))
        else:
            code.copy_(torch.linspace(-1, 1, len(z))[:, None])


class QHead(nn.Sequential):
    """The head Q on D's features (N, num_features), which predicts the codes (N, size).

    Args:
        num_features: of D.
        size: of the codes.
        width: of the hidden layer, 128 in the paper's appendix.
    """

    def __init__(self, num_features: int, size: int, width: int = 128) -> None:
        super().__init__(nn.Linear(num_features, width), nn.LeakyReLU(0.1), nn.Linear(width, size))
