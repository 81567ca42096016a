"""Radial power spectra (Durall 2020, https://arxiv.org/abs/2003.01826)."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gan_lab import atomic
from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.progress import progress
from gan_lab.evaluation.source import Generated, Source
from gan_lab.plot.figures import Band, save_spectra
from gan_lab.sampling.mode import FigureMode
from gan_lab.sampling.request import SampleRequest


class Spectrum(FigureMode):
    """Power over spatial frequency of n reals and n samples: upsampling layers often miss the high frequencies."""

    def check(self, request: SampleRequest) -> None:
        """Refuse samples that are no images."""
        if len(request.run.shape) != 3 or min(request.run.shape[1:]) < 4:
            raise InputError("mode=spectrum needs images of 4x4 or more, and these samples are none: use mode=map")

    def __call__(self, request: SampleRequest, folder: Path) -> Path:
        """Write ``spectrum.png`` and ``spectrum.json``: mean and standard deviation in dB by cycles per pixel."""
        samples = Generated(request.gan, request.n, request.seed, request.ema, request.truncation, request.classes)
        with progress() as task:
            sources: dict[str, Source] = {"reals": request.run.reals(request.n), "samples": samples}
            spectra = {
                name: source_spectra(source, request.batch_size, task(name, len(source))) for name, source in sources.items()
            }
        frequencies = radial_frequencies(*request.run.shape[1:]).tolist()
        bands = {name: Band(each.mean(0).tolist(), each.std(0, correction=0).tolist()) for name, each in spectra.items()}
        path = folder / f"spectrum-seed{request.seed}.png"
        save_spectra(frequencies, bands, path)
        gap = (spectra["samples"].mean(0) - spectra["reals"].mean(0)).abs()
        atomic.write_json(
            path.with_suffix(".json"),
            {
                "cycles_per_pixel": frequencies,
                **{name: {"n": len(spectra[name]), "mean_db": band.mean, "sd_db": band.sd} for name, band in bands.items()},
                "mean_gap_db": float(gap.mean()),
                "top_quarter_gap_db": float(gap[-max(1, len(gap) // 4) :].mean()),
            },
        )
        return path


def source_spectra(source: Source, batch_size: int, advance: Callable[[int], None]) -> Tensor:
    """Return the spectrum of each image of a source in dB, (N, K)."""
    made = []
    for images, _ in source.batches(range(len(source)), batch_size):
        made.append(radial_spectrum(to_unit(images) if images.dtype == torch.uint8 else images))
        advance(len(images))
    return torch.cat(made)


def radial_frequencies(height: int, width: int) -> Tensor:
    """Return the centres of the rings, (K,), in cycles per pixel: from 1 / side to 1/2, as many as half the shorter side."""
    k = min(height, width) // 2
    return torch.arange(1, k + 1) / (2 * k)


def radial_spectrum(images: Tensor) -> Tensor:
    """Return the power of each ring of frequencies in dB, (N, K), of images (N, C, H, W), averaged over ring and channels.

    The constant part, and the corners beyond 1/2 cycle per pixel, are left out.
    """
    power = torch.fft.fft2(images.double(), norm="ortho").abs().square().mean(1)
    height, width = images.shape[2:]
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None])
    k = min(height, width) // 2
    ring = (radius * 2 * k).round().long()
    sums = torch.zeros(len(images), int(ring.max()) + 1, dtype=power.dtype).index_add(1, ring.flatten(), power.flatten(1))
    counts = torch.bincount(ring.flatten(), minlength=sums.shape[1])
    return 10 * (sums / counts)[:, 1 : k + 1].clamp_min(1e-12).log10()
