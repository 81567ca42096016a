"""Frozen classifiers in whose eyes images are judged."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # `python -m gan_lab.train_extractor --help` answers at once
    import torch
    from torch import Tensor


class Extractor(Protocol):
    """A frozen classifier that sees quantised images, and neither autocast nor TF32.

    Attributes:
        name: what its scores and errors are called after.
        distance_name: what its Fréchet distance is called.
        kernel_name: what its kernel distance is called.
        score_name: what its classifier score is called: the mean over the splits.
        score_std_name: what the standard deviation over the splits is called; None: there is one split.
        score_splits: number of splits of the samples; each reads lower than all samples together.
        classes_name: what the number of classes among the samples is called; None: there are too many to count.
        accuracy_name: what the share of samples that show the class asked for is called; None: its classes are not the data's.
        channels: of the images that it was trained on; None: any.
        num_features: d.
        num_classes: K; 0: it is no classifier.
        resize: how it resizes images.
        weights_sha256: which weights they are.
    """

    name: str
    distance_name: str
    kernel_name: str
    score_name: str
    score_std_name: str | None
    score_splits: int
    classes_name: str | None
    accuracy_name: str | None
    channels: int | None
    num_features: int
    num_classes: int
    resize: str
    weights_sha256: str

    def to(self, device: "torch.device") -> None:
        """Work on this device from now on."""

    def __call__(self, images: "Tensor") -> "tuple[Tensor, Tensor | None]":
        """Features (N, d) and logits (N, K) or None of uint8 images (N, C, H, W); `InputError` for a shape it cannot judge."""
