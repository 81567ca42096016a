"""Samples as arrays in an .npz file."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_lab import atomic
from gan_lab.data.pixels import is_image, to_uint8
from gan_lab.sampling.format import Format
from gan_lab.sampling.mode import Sheet
from gan_lab.sampling.request import SampleRequest


class NPZ(Format):
    """``images``, uint8 (n, H, W, C), the usual input of evaluation code, or floats of points and signals.

    Beside them stand ``labels`` (n,) and ``class_names`` (K,), where there are any.
    """

    name = "npz"

    def __call__(self, sheet: Sheet, request: SampleRequest, folder: Path) -> Path:
        """Write ``samples-seedN.npz``."""
        path, made = folder / f"samples-seed{request.seed}.npz", sheet.samples
        if is_image(made):
            made = to_uint8(made).permute(0, 2, 3, 1)
        content: dict[str, Any] = {"images": (made.flatten(1) if made.shape[2:] == (1, 1) else made).numpy()}
        if sheet.labels is not None:
            content["labels"] = sheet.labels.cpu().numpy()
            if request.gan.class_names:
                content["class_names"] = np.array(request.gan.class_names)
        with atomic.replacing(path) as partial:
            np.savez_compressed(partial, **content)
        return path
