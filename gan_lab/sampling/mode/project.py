"""Projection of an image: the latent whose image is nearest to it (Zhu 2016, https://arxiv.org/abs/1609.03552)."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from gan_lab import atomic
from gan_lab.cli import console
from gan_lab.cli.command import sentence
from gan_lab.data.decode import decode
from gan_lab.data.pixels import is_image_shape, to_unit
from gan_lab.errors import InputError
from gan_lab.plot.figures import save_projection
from gan_lab.ranges import Count, NonNegative, Positive
from gan_lab.sampling.image_loss import ImageLoss
from gan_lab.sampling.mode import USUAL, FigureMode
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.space import Space

PARTS = ("pixels", "features")
"""Of the loss, in the order of `ImageLoss.parts`."""


class ImageProjection(FigureMode):
    """Minimise an `ImageLoss` in the space of latents, or of styles, by Adam from the n nearest of some samples.

    Differs from the projectors of StyleGAN2 and others: the features are those of the run's own extractor instead of VGG's, and
    several starts take the place of the mean. With labels the start decides the class; ``classes=[3]`` fixes it.

    Args:
        lr: of the first step, in standard deviations of a number of the space; it falls to 0 along a cosine.
        candidates: samples of which the nearest ``n`` start.
        feature_weight: of features beside pixels; 0: pixels alone; None: 1 where the run has a differentiable extractor.
    """

    reads = (*USUAL, "steps", "image")

    def __init__(self, lr: Positive = 0.05, candidates: Count = 256, feature_weight: NonNegative | None = None) -> None:
        self.lr, self.candidates, self.feature_weight = lr, candidates, feature_weight

    def check(self, request: SampleRequest) -> None:
        """Refuse samples that are no images, a file that is none of their shape, and a weight of no features."""
        if not is_image_shape(request.run.shape):
            raise InputError("mode=project finds latents of images, and these samples are none: use mode=interpolate")
        read_image(request)
        if self.feature_weight and request.run.differentiable_extractor is None:
            raise InputError(
                f"mode.feature_weight={self.feature_weight:g} needs a differentiable extractor (digits8, trained), and this "
                "run has none: give 0, for pixels alone"
            )

    def __call__(self, request: SampleRequest, folder: Path) -> Path:
        """Write ``project-NAME.png`` with target, start, end and loss; the latent as .npz; the errors as .json."""
        loss, space = self.loss(request), request.space()
        start, y = self.nearest(request, space, loss)
        points, parts = self.descend(request, space, loss, start, y)
        losses = loss.total(parts)
        best = int(losses[-1].argmin())
        label = None if y is None else y[best : best + 1]
        with torch.no_grad():
            before, after = (space.images(each[best : best + 1], label).cpu() for each in (start, points))
        path = folder / f"project-{Path(request.image or '').stem}.png"
        curve, errors = losses[:, best].tolist(), parts[[0, -1], best].T.tolist()
        save_projection(torch.cat([loss.target.cpu(), before, after]), curve, path)
        facts = {"image": request.image, "space": space.name, "loss": loss.words, "start": curve[0], "end": curve[-1]}
        facts |= {name: dict(zip(("start", "end"), each, strict=True)) for name, each in zip(PARTS, errors, strict=False)}
        facts |= {"psnr_db": psnr(errors[0][1]), "label": None if label is None else label.tolist()}
        atomic.write_json(path.with_suffix(".json"), facts)
        arrays: dict[str, Any] = {space.name: points[best : best + 1].cpu().numpy(), "loss": curve}
        with atomic.replacing(path.with_suffix(".npz")) as partial:
            np.savez_compressed(partial, **arrays)
        return path

    def loss(self, request: SampleRequest) -> ImageLoss:
        """Return the loss, and say what it is; without a weight that is given, an extractor that fails leaves pixels alone."""
        extractor, reason = None, ""
        try:
            extractor = None if self.feature_weight == 0 else request.run.differentiable_extractor
        except Exception as error:  # Hydra wraps what a constructor raises
            if self.feature_weight is not None or (why := sentence(error)) is None:
                raise
            reason = f" alone, for {why}"
        weight = 1.0 if self.feature_weight is None else self.feature_weight
        loss = ImageLoss(read_image(request), extractor, weight)
        console.say(f"loss: {loss.words}{reason}")
        return loss

    def nearest(self, request: SampleRequest, space: Space, loss: ImageLoss) -> tuple[Tensor, Tensor | None]:
        """Return the points (n, d) and labels of the samples of least loss."""
        n = max(self.candidates, request.n)
        y = request.labels(range(n))
        with torch.no_grad():
            points = space.points(request.latents(range(n)), y)
        parts = request.batched(
            lambda part: loss.parts(space.images(points[part], None if y is None else y[part])), n, "candidates"
        )
        order = loss.total(parts).argsort()[: request.n].to(points.device)
        return points[order], None if y is None else y[order]

    def descend(
        self, request: SampleRequest, space: Space, loss: ImageLoss, start: Tensor, y: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the points that all starts come to, and the parts (steps + 1, n, ...) of the loss, the last at the end."""
        points = start.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([points], lr=self.lr * request.spread(space))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, request.steps)
        errors = []
        for _ in track(range(request.steps), description="projecting"):
            parts = loss.parts(space.images(points, y))
            errors.append(parts.detach())
            optimizer.zero_grad()
            loss.total(parts).sum().backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            errors.append(loss.parts(space.images(points, y)))
        return points.detach(), torch.stack(errors).cpu()


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
