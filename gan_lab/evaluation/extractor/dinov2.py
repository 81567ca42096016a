"""DINOv2 ViT-L/14 (Oquab 2023, https://arxiv.org/abs/2304.07193), whose Fréchet distance is FD-DINOv2.

Stein 2023 (https://arxiv.org/abs/2306.04675) found that it agrees with people where FID does not. The protocol is that of
their code, dgm-eval: uint8 images resized by PIL's bicubic filter to 224x224, ImageNet's mean and deviation, the class token
after the last norm, in float32. EDM2 resizes in floats, torch-fidelity bilinearly: other numbers.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.extractor.weights import fetch, full_precision, hub_folder, locate, promised, sha256
from gan_lab.ranges import Text

URL = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth"
NETWORK = "vit_large_patch14_dinov2"  # timm's name
SIZE, PATCH = 224, 14
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LOADS = ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir")
"""Options by which timm reads or fetches a file of its own, a pickle too."""
CHUNK = 32  # images at once: of a whole batch of 250 the attention would take gigabytes


class DINOv2(Extractor):
    """A frozen vision transformer that was trained without labels, so no classifier.

    Args:
        weights: their file, as Meta publishes it; None: the one in torch's folder, ``$TORCH_HOME/hub/checkpoints``.
        download: fetch it into that folder when it is not there.
        network: its architecture, by timm's name.
        options: of that network, where it is not the published one.
    """

    name = "dinov2"
    channels = 3
    resize = "bicubic to 224x224, antialiased, in uint8, as PIL"

    def __init__(
        self, weights: Text | None = None, download: bool = True, network: str = NETWORK, options: dict[str, Any] | None = None
    ) -> None:
        if found := [*({*LOADS} & {*(options or {})}), *([network] if ":" in network else [])]:
            raise InputError(
                f"extractor=dinov2 reads no file by timm's {found[0]}: give its weights by extractor.dinov2.weights=FILE"
            )
        create = _timm()
        path = locate("dinov2", weights, partial(find, download))
        state = read(path)
        self.weights_sha256 = sha256(state)
        state["pos_embed"] = resampled(state["pos_embed"], SIZE // PATCH)
        with torch.device("meta"):  # draws no first weights from the global random state
            model: nn.Module = create(network, pretrained=False, img_size=SIZE, num_classes=0, **(options or {}))
        try:
            model.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise InputError(f"'{path}' holds the weights of another network than {network}: replace it by {URL}") from error
        self.network = model.requires_grad_(False).eval()
        self.num_features = state["pos_embed"].shape[-1]

    @classmethod
    def check(cls, weights: str | None = None, download: bool = True, **others: Any) -> None:
        """Refuse options that find no weights; those that are missing are fetched."""
        _timm()
        locate("dinov2", weights, partial(find, download))

    @classmethod
    def check_reach(cls, weights: str | None = None, download: bool = True, **others: Any) -> None:
        """Refuse options that find no weights, and a server that does not answer."""
        locate("dinov2", weights, partial(find, download, fetches=False))

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.network.to(device)

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """Return features (N, 1024) of uint8 images (N, 1 or 3, H, W); grey ones are repeated."""
        if images.shape[1] not in (1, 3):
            raise InputError(
                f"extractor=dinov2 takes images of 1 or 3 channels, not of {images.shape[1]}: choose another extractor"
            )
        with full_precision(images.device):
            return torch.cat([self.network(prepared(chunk)) for chunk in images.split(CHUNK)]), None


def prepared(images: Tensor) -> Tensor:
    """Convert uint8 (N, 1 or 3, H, W) to the network's input, float32 (N, 3, 224, 224)."""
    resized = [
        np.asarray(Image.fromarray(channel.numpy()).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        for channel in images.cpu().flatten(0, 1)
    ]
    levels = torch.from_numpy(np.stack(resized)).view(*images.shape[:2], SIZE, SIZE).expand(-1, 3, -1, -1).to(images.device)
    mean, deviation = (
        torch.tensor(each, dtype=torch.float32, device=images.device).view(3, 1, 1) for each in (MEAN, DEVIATION)
    )
    return (levels.float() / 255 - mean) / deviation


def resampled(positions: Tensor, side: int) -> Tensor:
    """Resample embeddings of positions (1, 1 + n * n, d) to side * side patches, as Meta's code does.

    Bicubic, not antialiased, and by the factor (side + 0.1) / n, an old remedy against roundoff that is part of the numbers.
    """
    token, patches = positions[:, :1].float(), positions[:, 1:].float()
    n = round(patches.shape[1] ** 0.5)
    if n == side:
        return positions
    grid = patches.view(1, n, n, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=((side + 0.1) / n,) * 2, mode="bicubic")
    return torch.cat([token, grid.flatten(2).transpose(1, 2)], 1)


# ----- where network and weights come from ---------------------------------------------------------------------------------


def _timm() -> Any:
    try:
        from timm import create_model
    except ImportError as error:
        raise InputError("extractor=dinov2 needs the package timm: pip install 'gan_lab[dinov2]'") from error
    return create_model


def find(download: bool, fetches: bool = True) -> Path:
    """Find the file of weights in torch's folder; fetch it if need be, or without ``fetches`` see that it can be."""
    path = hub_folder() / Path(URL).name
    if path.is_file():
        return path
    reason = "extractor.dinov2.download is false"
    if download:
        try:
            return (fetch if fetches else promised)(URL, path)
        except Exception as error:  # what connections and disks raise has no common base
            reason = f"the download failed ({' '.join(str(error).split())})"
    raise InputError(f"extractor=dinov2 needs {path.name} in '{path.parent}', and {reason}: put it there from {URL} (1.2 GB)")


def read(path: Path) -> dict[str, Tensor]:
    """Read the weights in a file; nothing else that a pickle may hold is executed."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float() for name, tensor in state.items() if name != "mask_token"}  # of training alone
    except Exception as error:  # a broken file fails in many ways
        raise InputError(f"'{path}' is damaged or holds more than weights: replace it by {URL}") from error
