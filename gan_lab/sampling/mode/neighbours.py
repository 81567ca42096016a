"""Nearest training images of samples: what a GAN has memorised, to look at."""

from pathlib import Path

import torch

from gan_lab import atomic
from gan_lab.data.pixels import is_image_shape
from gan_lab.errors import InputError
from gan_lab.evaluation.neighbours import nearest
from gan_lab.evaluation.source import Generated, look
from gan_lab.plot.figures import save_captioned
from gan_lab.ranges import Size
from gan_lab.sampling.mode import FigureMode
from gan_lab.sampling.request import SampleRequest

MOST, LONGEST = 2000, 400
"""Pictures of a figure, which take seconds to draw, and its rows or columns: no side of a figure has 65,536 pixels."""


class NearestTrainingImages(FigureMode):
    """n rows: a sample, and the k training images nearest to it, each with its distance between features.

    Args:
        k: number of neighbours.
    """

    def __init__(self, k: Size = 5) -> None:
        self.k = k

    def check(self, request: SampleRequest) -> None:
        """Refuse samples that are neither images nor text, and more than one figure shows."""
        if request.display.suffix == ".png" and not is_image_shape(request.run.shape):
            raise InputError(
                "mode=neighbours shows images or texts side by side, and these samples are neither: use metric=memorisation of "
                "gan_lab.evaluate"
            )
        shown = request.n * (self.k + 1)
        if request.display.suffix == ".png" and (shown > MOST or max(request.n, self.k) > LONGEST):
            raise InputError(
                f"mode=neighbours draws n x (k + 1) pictures, here {shown:,}: give a lower n= or mode.k=, for "
                f"at most {MOST:,} in {LONGEST} rows and columns"
            )

    def __call__(self, request: SampleRequest, folder: Path) -> Path:
        """Write ``neighbours.png`` (``.txt``), and ``neighbours.json`` with rows of the training set and distances."""
        run, reals = request.run, request.run.reals()
        k = min(self.k, len(reals))
        samples = Generated(request.gan, request.n, request.seed, request.ema, request.truncation, request.classes)
        found = run.features(samples=samples, training_images=reals)
        distances, rows = nearest(found["samples"].features, found["training_images"].features, k)
        shown = look(samples, range(request.n))[:, None], look(reals, rows.flatten().tolist()).unflatten(0, (request.n, k))
        pictures = torch.cat(shown, 1).flatten(0, 1)
        path = folder / f"neighbours-seed{request.seed}{request.display.suffix}"
        if path.suffix == ".png":
            captions = [each for row in distances.tolist() for each in ("sample", *(f"{value:.3g}" for value in row))]
            save_captioned(pictures, captions, k + 1, path)
        else:
            request.display.save(pictures, path, columns=k + 1)
        facts = {"extractor": run.extractor.name, "training_images": len(reals), "seed": request.seed}
        atomic.write_json(path.with_suffix(".json"), facts | {"rows": rows.tolist(), "distances": distances.tolist()})
        return path
