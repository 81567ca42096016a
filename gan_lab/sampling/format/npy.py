"""Samples as one array in the units of the data."""

from pathlib import Path

import numpy as np

from gan_lab import atomic
from gan_lab.data.pixels import is_image, to_span
from gan_lab.sampling.format import Format
from gan_lab.sampling.mode import Sheet
from gan_lab.sampling.request import SampleRequest


class NPY(Format):
    """One array (n, ...) of the data's shape and in its units: uint8 where these are [0, 255], else float32."""

    name = "npy"

    def __call__(self, sheet: Sheet, request: SampleRequest, folder: Path) -> Path:
        """Write ``samples-seedN.npy``."""
        path, made, data = folder / f"samples-seed{request.seed}.npy", sheet.samples, request.run.config.data
        units = data.range if "range" in data else [0, 255] if is_image(made) else None
        if units is not None:
            made = to_span(made, *units)
        array = made.numpy() if units != [0, 255] else made.clamp(0, 255).round().numpy().astype(np.uint8)
        with atomic.replacing(path) as partial:
            np.save(partial, array)
        return path
