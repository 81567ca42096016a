"""Frozen networks on whose features metrics are computed."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # `python -m gan_lab.train_extractor --help` answers at once
    import torch
    from torch import Tensor


class Extractor(Protocol):
    """A frozen network that sees quantised images, and neither autocast nor TF32; a subclass inherits the defaults.

    Attributes:
        name: suffix of its quantities.
        channels: of the images that it was trained on; None: any.
        num_features: d; 0: that of the images.
        num_classes: K; 0: it is no classifier.
        splits: of the samples for a classifier score; each reads lower than all samples together.
        counts_classes: whether there are few enough classes to count those among the samples.
        knows_labels: whether its classes are the data's, so that samples can show the class asked for.
        differentiable: whether it also takes float images in [0, 255], and gives features with a gradient.
        has_distances: whether a distance between features says something; numbers of characters are names.
        resize: how it resizes images.
        weights_sha256: hash of its weights.
    """

    name: str
    channels: int | None = None
    num_features: int
    num_classes: int = 0
    splits: int = 1
    counts_classes: bool = False
    knows_labels: bool = False
    has_distances: bool = True
    differentiable: bool = False
    resize: str = "none"
    weights_sha256: str

    def named(self, quantity: str) -> str:
        """Return the full name of a quantity, such as ``fd_digits8`` of ``fd``."""
        return f"{quantity}_{self.name}"

    @classmethod
    def check(cls, **options: Any) -> None:
        """Refuse, before any data are read, the options of a constructor that finds no weights."""
        return

    @classmethod
    def check_reach(cls, **options: Any) -> None:
        """Refuse the same options before torch is imported, and fetch nothing yet."""
        return

    def to(self, device: "torch.device") -> None:
        """Move to a device."""

    def __call__(self, images: "Tensor") -> "tuple[Tensor, Tensor | None]":
        """Return features (N, d) and logits (N, K) or None of uint8 images (N, C, H, W); `InputError` for a wrong shape."""
        ...
