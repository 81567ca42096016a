"""From sources of images to a record: features once for all scores, every seed, and the floor."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab.errors import InputError
from gan_lab.evaluation import features, result
from gan_lab.evaluation.metric import EvalInputs, Features, Score
from gan_lab.evaluation.result import EvalResult
from gan_lab.evaluation.source import Files, Source

if TYPE_CHECKING:
    from gan_lab.data.module import Data
    from gan_lab.model.gan import GAN

SINGULAR = "no more images than the {} features: a covariance is singular, so compare the distance with no other number of them"


@dataclass
class EvalTarget:
    """What is to be judged.

    Attributes:
        sample: the images of a seed.
        reference: real images that they are compared with, or an .npz with mu and sigma.
        floor: real images in the place of the samples; None: there are none.
        facts: what a reader must know of it.
        gan: who makes the samples.
        data: of the reals.
    """

    sample: Callable[[int], Source]
    reference: Source | Path
    floor: Source | None
    facts: dict[str, Any]
    gan: "GAN | None" = None
    data: "Data | None" = None


class Evaluator:
    """One protocol: an extractor, scores, seeds.

    Args:
        cfg: of the command.
        choice: of the extractor.
        folder: of the record and the pictures.
    """

    def __init__(self, cfg: DictConfig, choice: Any, folder: Path) -> None:
        self.cfg, self.folder, self.device = cfg, folder, torch.device(cfg.device)
        self.scores: dict[str, Score] = {str(name): instantiate(score) for name, score in cfg.score.items()}
        self.extractor = instantiate(choice)
        self.extractor.to(self.device)

    def __call__(self, subject: EvalTarget) -> EvalResult:
        """The record, also as ``metrics.json``; one that was made by the same protocol is read instead."""
        start, asked = time.perf_counter(), self.protocol(subject)
        if not self.cfg.again and cacheable(subject) and (former := result.read(self.folder)) and former.protocol == asked:
            return former
        self.folder.mkdir(parents=True, exist_ok=True)
        with result.progress() as task:
            reference = self.reference(subject, task)
            floor = None if subject.floor is None else self.features(subject.floor, "held-out reals", task)
            values = [self.judge(subject, seed, reference, floor, task) for seed in self.cfg.eval.seeds]
        best = (
            self.values(EvalInputs(floor, reference, floor, self.extractor, self.folder, None, subject.data)) if floor else {}
        )
        seconds = time.perf_counter() - start
        made = EvalResult.of(values, best, self.scores, asked, self.notes(subject, reference), seconds)
        if features.process()[0] == 0:
            result.write(made, self.folder)
        return made

    def judge(self, subject: EvalTarget, seed: int, reference: Features, floor: Features | None, task: Any) -> dict[str, float]:
        """The values of one seed."""
        sample = self.features(subject.sample(seed), f"samples of seed {seed}", task)
        if self.cfg.eval.save_images and features.process()[0] == 0:
            save_images(sample.source, Path(self.cfg.eval.save_images) / f"seed{seed}", self.cfg.batch_size)
        return self.values(EvalInputs(sample, reference, floor, self.extractor, self.folder, subject.gan, subject.data, seed))

    def values(self, case: EvalInputs) -> dict[str, float]:
        """What all scores say of a case; the first process alone computes."""
        if features.process()[0] != 0:
            return {}
        return {name: value for score in self.scores.values() for name, value in score(case).items()}

    # ----- features --------------------------------------------------------------------------------------------------

    def reference(self, subject: EvalTarget, task: Any) -> Features:
        """Of the reals: from the cache, from a file of statistics, or now."""
        if isinstance(subject.reference, Path):
            return self.statistics(subject.reference, subject.sample(0).shape)
        found = self.features(subject.reference, "reference reals", task)
        if path := self.cfg.eval.save_statistics:
            features.write_statistics(Path(path), found.moments, features.protocol(subject.reference, self.extractor))
        return found

    def statistics(self, path: Path, shape: tuple[int, ...]) -> Features:
        """Mean and covariance of a file, for which only distances between these can be computed."""
        from gan_lab.evaluation.metric.frechet import Frechet, Infinity

        if other := [name for name, score in self.scores.items() if not isinstance(score, Frechet | Infinity)]:
            raise InputError(f"'{path}' holds mean and covariance alone, too little for score={other[0]}: use score=frechet")
        return features.read_statistics(path, self.extractor, self.device, shape)

    def features(self, source: Source, name: str, task: Any) -> Features:
        """Of a source, under a bar."""
        return features.cached(source, self.extractor, self.cfg.batch_size, self.device, task(name, len(source)))

    # ----- what stands beside the values -----------------------------------------------------------------------------

    def protocol(self, subject: EvalTarget) -> dict[str, Any]:
        """All that decides the values."""
        sample, reference = subject.sample(0), subject.reference
        return subject.facts | {
            "resolution": sample.shape[-1],
            "channels": sample.shape[0],
            "eval": OmegaConf.to_container(self.cfg.eval, resolve=True),
            "score": OmegaConf.to_container(self.cfg.score, resolve=True),
            "extractor": self.extractor.name,
            "weights_sha256": self.extractor.weights_sha256,
            "resize": self.extractor.resize,
            "quantiser": features.QUANTISER,
            "device": self.device.type,
            "reference": str(reference) if isinstance(reference, Path) else reference.fingerprint,
            "n_reference": None if isinstance(reference, Path) else len(reference),
            "n_fake": len(sample),
            "n_floor": None if subject.floor is None else len(subject.floor),
        }

    def notes(self, subject: EvalTarget, reference: Features) -> list[str]:
        """Why the values may compare with few others."""
        sample, d = subject.sample(0), len(reference.moments.mean)
        files = [source for source in (sample, subject.reference) if isinstance(source, Files)]
        notes = [f"'{source.path}' holds JPEG files, whose artefacts a score sees" for source in files if source.lossy]
        if sample.shape[0] == 1 and self.extractor.channels == 3:
            notes.append("grey images, repeated to three channels")
        if min(len(sample), reference.moments.n or len(sample)) <= d:
            notes.append(SINGULAR.format(d))
        return notes


def cacheable(subject: EvalTarget) -> bool:
    """Whether the protocol tells all images: of files it has the name, and what lies there may have changed."""
    return not isinstance(subject.sample(0), Files) and getattr(subject.reference, "fingerprint", None) is not None


def save_images(source: Source | None, folder: Path, batch_size: int) -> None:
    """All images of a source as PNG files, as other tools read them."""
    from torchvision.transforms.functional import to_pil_image

    assert source is not None
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for images, _ in source.batches(range(len(source)), batch_size):
        if images.dtype != torch.uint8:
            raise InputError("points are no pictures: leave eval.save_images out")
        for image in images:
            to_pil_image(image).save(folder / f"{number:06d}.png")
            number += 1
