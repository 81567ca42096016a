"""The Inception network of 2015: the only extractor for FID and the Inception Score.

Its weights are those of the TensorFlow graph that Salimans 2016 and Heusel 2017 used, as torch-fidelity converted them, and
its resize is TensorFlow 1's. Other weights, or another resize, give other numbers.

torch is imported where it is used: a run whose weights are missing says so without waiting for it.
"""

import hashlib
import pickle
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.extractor.weights import fetch, full_precision, hub_folder, locate, promised
from gan_lab.ranges import Text

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")  # pytorch-fid's is the same
URL_INCEPTION_V3 = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILES[0]}"
SHA256_PREFIX = "6726825d"
NAMES = {"fd": "fid", "kd": "kid", "cs": "is_mean", "cs_std": "is_std"}
CHUNK = 64  # images at once: at 299x299 a whole batch of 250 would take gigabytes


class Inception(Extractor):
    """A frozen classifier of natural images, in float32; its logits, without the bias as in the first code, in float64.

    Args:
        weights: their file; None: the one in torch's folder, ``$TORCH_HOME/hub/checkpoints``.
        download: fetch it into that folder when it is not there.
        clean: resize as clean-fid does, by PIL's bicubic filter (Parmar 2022, https://arxiv.org/abs/2104.11222): other numbers,
            of which each name begins with ``clean_``.
    """

    name = "inception"
    channels = 3
    num_features = 2048
    num_classes = 1008
    splits = 10
    resize = "bilinear to 299x299, as TensorFlow 1"

    def __init__(self, weights: Text | None = None, download: bool = True, clean: bool = False) -> None:
        import torch
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        path = locate("inception", weights, partial(find, download))
        content = read(path)
        self.weights_sha256 = hashlib.sha256(content).hexdigest()
        with torch.random.fork_rng(devices=[]):  # for the first weights, which the file's replace
            network = FeatureExtractorInceptionV3(Inception.name, ["2048"], feature_extractor_weights_path=BytesIO(content))
        self.network = network.to(memory_format=torch.channels_last)  # a third faster on a CPU
        self.head = network.fc.weight.T.double()
        self.clean = clean
        if clean:
            self.name = "inception_clean"
            self.resize = "bicubic to 299x299, antialiased, in floats, as PIL"

    def named(self, quantity: str) -> str:
        """Return ``fid`` of ``fd``, and so on: the names that are reserved for these weights and this resize."""
        if quantity not in NAMES:
            return super().named(quantity)
        return ("clean_" if self.clean else "") + NAMES[quantity]

    @classmethod
    def check(cls, weights: str | None = None, download: bool = True, **others: Any) -> None:
        """Refuse options that find no weights; those that are missing are fetched."""
        locate("inception", weights, partial(find, download))

    @classmethod
    def check_reach(cls, weights: str | None = None, download: bool = True, **others: Any) -> None:
        """Refuse options that find no weights, and a server that does not answer."""
        locate("inception", weights, partial(find, download, fetches=False))

    def to(self, device: "torch.device") -> None:
        """Move to a device."""
        self.network.to(device)
        self.head = self.head.to(device)

    def __call__(self, images: "Tensor") -> "tuple[Tensor, Tensor]":
        """Return features (N, 2048) and logits (N, 1008) of uint8 images (N, 1 or 3, H, W); grey ones are repeated."""
        import torch

        if images.shape[1] not in (1, 3):
            raise InputError(
                f"extractor=inception takes images of 1 or 3 channels, not of {images.shape[1]}: choose another, or metric=none"
            )
        with full_precision(images.device):
            features = torch.cat([self._features(chunk) for chunk in images.expand(-1, 3, -1, -1).split(CHUNK)])
        return features, features.double() @ self.head

    def _features(self, images: "Tensor") -> "Tensor":
        if not self.clean:
            features: Tensor = self.network(images)[0]
            return features
        x = (bicubic(images) - 128) / 128  # the network's own forward takes uint8 alone
        for name, layer in self.network.named_children():
            if name == "fc":
                break
            x = layer(x)
        return x.flatten(1)


def bicubic(images: "Tensor", size: int = 299) -> "Tensor":
    """Resize uint8 (N, C, H, W) to floats (N, C, size, size) in [0, 255], each channel by PIL in floats."""
    import numpy as np
    import torch
    from PIL import Image

    filtered = [
        np.asarray(Image.fromarray(channel.float().numpy()).resize((size, size), Image.Resampling.BICUBIC))
        for channel in images.cpu().flatten(0, 1)
    ]
    return torch.from_numpy(np.stack(filtered)).clamp(0, 255).view(*images.shape[:2], size, size).to(images.device)


def find(download: bool, fetches: bool = True) -> Path:
    """Find the file of weights in torch's folder; fetch it if need be, or without ``fetches`` see that it can be."""
    folder = hub_folder()
    for path in (folder / name for name in FILES):
        if path.is_file():
            return path
    reason = "extractor.inception.download is false"
    if download:
        try:
            return (fetch if fetches else promised)(URL_INCEPTION_V3, folder / FILES[0], SHA256_PREFIX)
        except Exception as error:  # what connections, disks and the check of the hash raise has no common base
            reason = f"the download failed ({' '.join(str(error).split())})"
    raise InputError(
        f"extractor=inception needs {FILES[0]} in '{folder}', and {reason}: put it there from {URL_INCEPTION_V3}, or choose "
        "metric=none, or another extractor, such as pixels or, for 8x8 digits, digits8"
    )


def read(path: Path) -> bytes:
    """Read a file of weights; refuse other weights, and anything but weights.

    torch-fidelity unpickles a file as it is, which may execute code: here the same bytes are unpickled without that first.
    """
    import torch

    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(SHA256_PREFIX):
        raise InputError(
            f"'{path}' is damaged or holds other weights, for its sha256 begins with {found[:8]}, not {SHA256_PREFIX}: "
            f"remove it, or replace it by {URL_INCEPTION_V3}"
        )
    try:
        torch.load(BytesIO(content), weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(f"'{path}' holds more than weights: replace it by {URL_INCEPTION_V3}") from error
    return content
