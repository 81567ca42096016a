"""The digits8 extractor: a small classifier of grey 8x8 digits, for judging without network access or a GPU.

Its weights are committed, because a Fréchet distance depends on the extractor: another seed moves it by a fifth.
`gan_lab.evaluation.extractor.train_digits8` made them.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.extractor.weights import committed

WEIGHTS = Path(__file__).with_name("digits8.npz")
SHA256 = "354a4a0fc076c687ffe9e4097107685ac968ce1dd368e6345200b3636b859218"


def network() -> nn.Sequential:
    """Build three convolutions, 64 features, 10 logits; 22,954 weights. LeakyReLU leaves no feature dead."""
    return nn.Sequential(
        nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Flatten(), nn.Linear(32 * 2 * 2, 64), nn.LeakyReLU(0.2)),
        ),
        nn.Linear(64, 10),
    )


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read the weights, which must be the committed ones."""
    with np.load(BytesIO(committed(path, sha256)), allow_pickle=False) as arrays:
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


class Digits8(Extractor):
    """A frozen classifier of handwritten digits, in float64."""

    name = "digits8"
    channels = 1
    num_features = 64
    num_classes = 10
    splits = 1  # 597 held-out digits: each further split would read lower
    counts_classes = knows_labels = differentiable = True
    weights_sha256 = SHA256

    def __init__(self) -> None:
        with torch.device("meta"):  # draws no initial weights from the global random state
            model = network()
        model.load_state_dict(read_weights(WEIGHTS, SHA256), assign=True)
        self.features, self.head = model.double().requires_grad_(False).eval()

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.features.to(device)
        self.head.to(device)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, 64) and logits (N, 10) of uint8 images (N, 1, 8, 8)."""
        if images.shape[1:] != (1, 8, 8):
            shape = "x".join(map(str, images.shape[1:]))
            raise InputError(
                f"extractor=digits8 takes images of 1x8x8, not of {shape}: choose another extractor, or metric=none"
            )
        features = self.features(to_unit(images).double())
        return features, self.head(features)
