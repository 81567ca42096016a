"""VAE/GAN (Larsen 2016, https://arxiv.org/abs/1512.09300)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan_lab.data.pixels import to_unit
from gan_lab.model.base import TrainedNetwork
from gan_lab.model.batch import Batch, StepContext
from gan_lab.model.gan import GAN
from gan_lab.ranges import NonNegative, Size


class VAEGAN(GAN):
    """G is the decoder of a variational autoencoder, whose errors are measured in D's features (algorithm 1).

    The encoder learns from the prior (eq. 4) and from the error of the reconstruction in D's features (eq. 7), the decoder from
    that error and from D's logits (eq. 6), D from its logits alone. Half of the fakes are reconstructions, half are samples.

    Differs from the paper: the decoder's loss is divided by gamma, so that D's part bears a weight and the error is that of the
    encoder too, which Adam does not notice; Adam, where the authors have RMSProp; the features are D's last hidden layer, reals
    and reconstructions normalised each by themselves; the encoder has the form of the discriminator.

    Args:
        args: see `GANModule`.
        encoder: images -> means and log variances of the latents.
        gan_weight: of D's part in the decoder's loss, 1 / gamma; 0 is a VAE, the baseline of the paper's table.
        feature_weight: of the squared error of D's features.
        pixel_weight: of the squared error of the pixels, as in the plain VAE.
        gate: lets a player wait for the other; None does not.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        *args: Any,
        encoder: nn.Module,
        gan_weight: NonNegative,
        feature_weight: NonNegative,
        pixel_weight: NonNegative,
        gate: "Gate | None" = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.encoder, self.gate, self.d_waits, self.g_waits = encoder, gate, False, False
        self.gan_weight, self.feature_weight, self.pixel_weight = gan_weight, feature_weight, pixel_weight

    @property
    def runs_eagerly(self) -> str | None:
        """The reason for which a step cannot be captured: the gate reads the costs of a step in it."""
        return "model.gate waits for the losses of the step" if self.gate else None

    def trained_networks(self) -> list[TrainedNetwork]:
        """Return G, D and the encoder, which has an optimizer like G's."""
        return [*super().trained_networks(), TrainedNetwork("e", self.encoder, self.g_optimizer, "g")]

    def step_latents(self, real: Tensor, ratio: int, step: StepContext) -> Tensor:
        """Return latents of which every other one encodes a real, without a gradient to the encoder."""
        z, rows = super().step_latents(real, ratio, step), real.repeat_interleave(ratio, 0)[::2]
        with torch.no_grad():
            z[::2] = self.encode(rows, step)[0].to(z.dtype)
        return z

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return the adversarial part of the decoder's loss (eq. 6), on reconstructions and samples."""
        return self.gan_weight * super().generator_loss(batch)

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the distance of the latents from the prior (eq. 4), and the errors of the reconstruction (eq. 7)."""
        z, mean, log_variance = self.encode(batch.real, batch.step)
        made = batch.step.generator(z, batch.y).to(batch.real.dtype)
        terms = {"prior": (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean() / 2}
        if self.feature_weight:
            terms["feature_error"] = self.feature_weight * half_squares(
                self.features(made, batch.y, batch.step), batch.real_features
            )
        if self.pixel_weight:
            terms["pixel_error"] = self.pixel_weight * half_squares(made, batch.real)
        return terms

    def encode(self, images: Tensor, step: StepContext) -> tuple[Tensor, Tensor, Tensor]:
        """Return a draw of the latents of these images (N, latent_dim), their means and log variances."""
        mean, log_variance = self.encoder(images)
        draw = step.rng.normal(*mean.shape).to(mean.dtype)
        return mean + draw * (log_variance / 2).exp(), mean, log_variance

    def discriminator_step(self) -> None:
        """Step D, unless the gate makes it wait."""
        if self.gate:
            costs = softplus(-self.tracked["real_logits"]).mean(), softplus(self.tracked["fake_logits"]).mean()
            self.d_waits, self.g_waits = self.gate(*(float(self.engine.mean(cost)) for cost in costs))
        (self.clear_gradients if self.d_waits else self.step_networks)(*self.networks_of("d"))

    def generator_step(self) -> None:
        """Step the decoder, unless the gate makes it wait, and the encoder."""
        decoder, encoder = self.networks_of("g")
        (self.clear_gradients if self.g_waits else self.step_networks)(decoder)
        self.step_networks(encoder)

    @torch.no_grad()
    def preview(self, n: int) -> Tensor:
        """Return rows of held-out images above their reconstructions, and samples below them."""
        held_out, columns = self.trainer.datamodule.held_out_set, max(1, int(n**0.5))  # type: ignore[attr-defined]  # `fit` sets it
        rows = max(1, n // columns // 4)
        real = torch.stack([held_out[i][0] for i in range(min(rows * columns, len(held_out)))]).to(self.device)
        real = to_unit(real) if real.dtype == torch.uint8 else real
        training = self.encoder.training
        mean, _ = self.encoder.eval()(real.to(self.float_type))
        self.encoder.train(training)
        pairs = zip(real.split(columns), self.generate(mean).to(real.dtype).split(columns), strict=True)
        samples = self.sample(range(max(columns, n - 2 * len(real)))).to(real.dtype)
        return torch.cat([*(row for pair in pairs for row in pair), samples])


def half_squares(a: Tensor, b: Tensor) -> Tensor:
    """Return -log N(a; b, 1) without its constant, averaged over the batch: half the sum of the squared differences."""
    return (a - b).flatten(1).square().sum(1).mean() / 2


class Encoder(nn.Module):
    """A network from images (N, C, H, W) to means and log variances of their latents, each (N, latent_dim).

    Args:
        body: a network in the form of a discriminator; its last layer is not used.
        latent_dim: of the generator.
    """

    def __init__(self, body: Any, latent_dim: Size) -> None:
        super().__init__()
        self.body = body
        body.output = nn.Identity()  # else weights that no gradient reaches
        self.head = nn.Linear(body.num_features, 2 * latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two halves of a linear layer, the log variance clamped to +-10 against overflow of its exponential."""
        mean, log_variance = self.head(self.body.features(x)).chunk(2, 1)
        return mean, log_variance.clamp(-10, 10)


class Gate:
    """The authors' equilibrium: D waits while it is far ahead, and so does the decoder. It reads the costs at each step.

    Args:
        equilibrium: the cross-entropy of D, of reals or of fakes alone, around which both train.
        margin: how far from it.
    """

    def __init__(self, equilibrium: float = 0.68, margin: NonNegative = 0.35) -> None:
        self.low, self.high = equilibrium - margin, equilibrium + margin

    def __call__(self, real_cost: float, fake_cost: float) -> tuple[bool, bool]:
        """Return whether D waits, and whether the decoder does; never both."""
        d_waits = min(real_cost, fake_cost) < self.low
        g_waits = max(real_cost, fake_cost) > self.high
        return (False, False) if d_waits and g_waits else (d_waits, g_waits)
