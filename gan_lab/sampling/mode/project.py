"""Projection of an image: the latent whose image is nearest to it (Zhu 2016, https://arxiv.org/abs/1609.03552)."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from gan_lab import atomic
from gan_lab.data.decode import decode
from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError
from gan_lab.plot.figures import save_projection
from gan_lab.ranges import Count, Positive
from gan_lab.sampling.mode import FigureMode
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.space import Space


class ImageProjection(FigureMode):
    """Minimise the squared error of pixels in the space of latents, or of styles, by Adam from the n nearest of some samples.

    Differs from the projectors of StyleGAN2 and others: pixels alone, without features of a network, and several starts instead
    of the mean. With labels the start decides the class; ``classes=[3]`` fixes it.

    Args:
        lr: of the first step, in standard deviations of a number of the space; it falls to 0 along a cosine.
        candidates: samples of which the nearest ``n`` start.
    """

    def __init__(self, lr: Positive = 0.05, candidates: Count = 256) -> None:
        self.lr, self.candidates = lr, candidates

    def check(self, request: SampleRequest) -> None:
        """Refuse samples that are no images, and a file that is none of their shape."""
        if len(request.run.shape) != 3 or request.run.shape[-1] == 1:
            raise InputError("mode=project finds latents of images, and these samples are none: use mode=interpolate")
        read_image(request)

    def __call__(self, request: SampleRequest, folder: Path) -> Path:
        """Write ``project-NAME.png`` with target, start, end and loss; the latent as .npz; the errors as .json."""
        target, space = read_image(request), request.space()
        start, y = self.nearest(request, space, target)
        points, losses = self.descend(request, space, target, start, y)
        best = int(losses[-1].argmin())
        label = None if y is None else y[best : best + 1]
        with torch.no_grad():
            before, after = (space.images(each[best : best + 1], label).cpu() for each in (start, points))
        path = folder / f"project-{Path(request.image or '').stem}.png"
        curve = losses[:, best].tolist()
        save_projection(torch.cat([target.cpu(), before, after]), curve, path)
        facts = {"image": request.image, "space": space.name, "start": curve[0], "end": curve[-1], "psnr_db": psnr(curve[-1])}
        atomic.write_json(path.with_suffix(".json"), facts | {"label": None if label is None else label.tolist()})
        arrays: dict[str, Any] = {space.name: points[best : best + 1].cpu().numpy(), "loss": curve}
        with atomic.replacing(path.with_suffix(".npz")) as partial:
            np.savez_compressed(partial, **arrays)
        return path

    def nearest(self, request: SampleRequest, space: Space, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the points (n, d) and labels of the samples nearest to the target."""
        n = max(self.candidates, request.n)
        y = request.labels(range(n))
        with torch.no_grad():
            points = space.points(request.latents(range(n)), y)
        errors = (request.images(space, points, y) - target.cpu()).square().flatten(1).mean(1)
        order = errors.argsort()[: request.n].to(points.device)
        return points[order], None if y is None else y[order]

    def descend(
        self, request: SampleRequest, space: Space, target: Tensor, start: Tensor, y: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the points that all starts come to, and the errors (steps + 1, n) before each step and at the end."""
        points = start.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([points], lr=self.lr * request.spread(space))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, request.steps)
        losses = []
        for _ in track(range(request.steps), description="projecting"):
            loss = (space.images(points, y) - target).square().flatten(1).mean(1)
            losses.append(loss.detach())
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            losses.append((space.images(points, y) - target).square().flatten(1).mean(1))
        return points.detach(), torch.stack(losses).cpu()


def psnr(error: float) -> float:
    """Return the peak signal-to-noise ratio in dB of a mean squared error of pixels in [-1, 1]."""
    return 10 * math.log10(4 / max(error, 1e-12))


def read_image(request: SampleRequest) -> Tensor:
    """Read ``image=`` as (1, C, H, W) in [-1, 1], on the GAN's device.

    Raises:
        InputError: none is given, it cannot be read, or it has another size than the GAN's samples.
    """
    channels, *size = request.run.shape
    wanted = "x".join(map(str, reversed(size)))
    if request.image is None:
        raise InputError(f"image= is missing: mode=project needs image=FILE of {wanted} pixels")
    path = Path(request.image).expanduser()
    if not path.is_file():
        raise InputError(f"there is no file '{path}': give image=FILE of {wanted} pixels")
    try:
        with path.open("rb") as file:
            image = decode(file, channels, value_range=request.run.config.data.get("value_range"))
    except Exception as error:  # a broken file fails in many ways
        raise InputError(f"'{path}' is broken or no image: give image=FILE of {wanted} pixels") from error
    if list(image.shape[1:]) != size:
        found = "x".join(map(str, reversed(image.shape[1:])))
        raise InputError(f"'{path}' has {found} pixels, and this GAN makes images of {wanted}: scale it to {wanted} first")
    return to_unit(image)[None].to(request.gan.device)
