"""A map of features: which reals have no samples near them, and which samples no reals."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from gan_lab import atomic
from gan_lab.errors import InputError
from gan_lab.evaluation.source import Generated
from gan_lab.plot.figures import UNKNOWN, save_map
from gan_lab.sampling.mode import USUAL, FigureMode
from gan_lab.sampling.request import SampleRequest


class FeatureMap(FigureMode):
    """n training images and n samples in two dimensions, by an embedding of the features of both together.

    Args:
        embedding: of scikit-learn, with ``fit_transform``: features (N, d) -> (N, 2).
    """

    reads = (*USUAL, "embedding")

    def __init__(self, embedding: Any) -> None:
        self.embedding = embedding

    def check(self, request: SampleRequest) -> None:
        """Refuse too few samples for t-SNE's perplexity, which counts neighbours, and a single one."""
        if request.n < 2:
            raise InputError(f"mode=map needs 2 samples or more to set apart, and n={request.n}: give n=")
        perplexity = getattr(self.embedding, "perplexity", 0)
        if perplexity >= 2 * request.n:
            raise InputError(f"embedding.perplexity={perplexity} needs more than {request.n} samples: give n= or a lower one")

    def __call__(self, request: SampleRequest, folder: Path) -> Path:
        """Write ``map.png``, and ``map.npz`` with ``points``, ``is_real`` and, where reals have some, ``labels``."""
        samples = Generated(request.gan, request.n, request.seed, request.ema, request.truncation, request.classes)
        found = request.run.features(samples=samples, reals=request.run.reals(request.n))
        reals, fakes = found["reals"], found["samples"]
        features = torch.cat([reals.features, fakes.features]).float().cpu().numpy()
        with Console(stderr=True, markup=False, emoji=False).status(
            f"{type(self.embedding).__name__} of {len(features):,} features"
        ):
            points = np.asarray(self.embedding.fit_transform(features))
        is_real = np.arange(len(points)) < len(reals)
        content: dict[str, Any] = {"points": points, "is_real": is_real}
        if reals.labels is not None and reals.labels.ndim == 1:
            asked = torch.full((len(fakes),), UNKNOWN) if fakes.labels is None else fakes.labels
            content["labels"] = torch.cat([reals.labels.cpu(), asked.cpu()]).numpy()
        path = folder / f"map-seed{request.seed}.png"
        save_map(points, is_real, content.get("labels"), request.gan.class_names, path)
        with atomic.replacing(path.with_suffix(".npz")) as partial:
            np.savez_compressed(partial, **content)
        return path
