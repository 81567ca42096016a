"""Auxiliary classifier GAN (Odena 2017, https://arxiv.org/abs/1610.09585)."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gan_lab.model.batch import Batch
from gan_lab.model.conditional import labelled, require_labels
from gan_lab.model.gan import GAN
from gan_lab.network import layers
from gan_lab.ranges import NonNegative, Size


class ACGAN(GAN):
    """D also classifies images, real and fake, and G makes images that are classified as asked (eq. 3).

    Differs from the paper: the label is embedded beside the latents in few numbers instead of one-hot (a generator with
    conditional BatchNorm has it there); one model learns all classes, where the paper has ten per model. Its CIFAR-10 model has
    110 latents, dropout of 0.5 in D and batches of 100; here 100, none, and the data's.

    Args:
        generator: see `GANModule`.
        discriminator: see `GANModule`; has ``num_features``.
        num_classes: number of labels.
        d_class_weight: of the class loss in D's loss.
        g_class_weight: of the class loss in G's loss.
        classify_fakes: whether D learns the classes of fakes too.
        head_init: initial weights of the classifier, a key of `layers.INITS`; None: torch's.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        num_classes: Size | None,
        d_class_weight: NonNegative = 1.0,
        g_class_weight: NonNegative = 1.0,
        classify_fakes: bool = True,
        head_init: str | None = None,
        **kwargs: Any,
    ) -> None:
        classes = require_labels(num_classes, "acgan")
        players = labelled(generator, classes), AuxiliaryClassifier(discriminator, classes)
        layers.initialise(players[1].classes, head_init)
        super().__init__(*players, *args, **kwargs)
        self.d_class_weight, self.g_class_weight, self.classify_fakes = d_class_weight, g_class_weight, classify_fakes

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return -E[log P(C = y | x)] - E[log P(C = y | G(z, y))], eq. 3."""
        loss = self.class_loss(batch.real_features, batch.y)
        if self.classify_fakes:
            loss = loss + self.class_loss(batch.fake_features, batch.fake_y)
        return {"d_class_loss": self.d_class_weight * loss}

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return -E[log P(C = y | G(z, y))], the part of eq. 3 that depends on G."""
        return {"g_class_loss": self.g_class_weight * self.class_loss(batch.fake_features, batch.fake_y)}

    def class_loss(self, features: Tensor, y: Tensor | None) -> Tensor:
        """Return the cross-entropy of D's classifier on features."""
        assert y is not None, "the data gave no labels"
        return cross_entropy(self.discriminator.classes(features).to(self.float_type), y)


class AuxiliaryClassifier(nn.Module):
    """A discriminator with a second head on its features, the classifier.

    Args:
        discriminator: without labels.
        num_classes: number of labels.
    """

    def __init__(self, discriminator: Any, num_classes: int) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.classes = nn.Linear(discriminator.num_features, num_classes)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the discriminator's features (N, num_features)."""
        return self.discriminator.features(x)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Return raw logits (N,) of features."""
        return self.discriminator.head(features)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return raw logits (N,)."""
        return self.head(self.features(x))
