"""From sources of images to a result: features once for all metrics, every seed, and the real-data baseline."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torchvision.transforms.functional import to_pil_image

from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.evaluation import features, places, result
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.processes import everyone, on_first, process
from gan_lab.evaluation.progress import Task, progress
from gan_lab.evaluation.result import EvalResult
from gan_lab.evaluation.source import Files, Source, stamp_of
from gan_lab.evaluation.suite import MetricSuite, needs
from gan_lab.plot.display import Display, Pictures

if TYPE_CHECKING:
    from gan_lab.data.module import Data
    from gan_lab.model.gan import GAN

CPU = torch.device("cpu")
REMEDY = "judge more (eval.num_fake=, eval.num_reference=)"


@dataclass
class EvalTarget:
    """Everything about the images to judge.

    Attributes:
        sample: seed -> images.
        reference: real images to compare them with, or an .npz with mu and sigma.
        held_out: real images for the baseline; None: there are none.
        facts: what a reader must know of it, as plain data.
        folder: that ``evaluation`` goes into.
        gan: the maker of the samples.
        data: the data module of the reals.
        extractors: configuration of those to use where none is chosen; None: there are none.
        overrides: the command line that chose the data.
        display: shows the images.
    """

    sample: Callable[[int], Source]
    reference: Source | Path
    held_out: Source | None
    facts: dict[str, Any]
    folder: Path = Path()
    gan: "GAN | None" = None
    data: "Data | None" = None
    extractors: Mapping[str, Any] | None = None
    overrides: Sequence[str] = ()
    display: Display = field(default_factory=Pictures)


@dataclass
class Evaluator:
    """Judge targets by one protocol.

    Attributes:
        suite: metrics and extractors.
        folder: for the result and the pictures, unless it holds a result of another protocol: see `places.place`. When a
            target has been judged, the one that was used.
        seeds: of the samples.
        batch_size: of one process.
        device: of the extractors.
        others: folders of results, one of which may be of the same protocol.
        overwrite: judge anew what a folder holds a result of, by the same protocol.
        save_images: a folder for the samples as PNG files; None: they are not kept.
        save_statistics: an .npz for mean and covariance of the reference; None: they are not kept.
        settings: the options behind all this, for the result.
    """

    suite: MetricSuite
    folder: Path
    seeds: Sequence[int] = (0,)
    others: Sequence[Path] = ()
    batch_size: int = 250
    device: torch.device = CPU
    overwrite: bool = False
    save_images: Path | None = None
    save_statistics: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, target: EvalTarget) -> EvalResult:
        """Return the result and write it as ``metrics.json``; one of the same protocol is read instead."""
        start, asked = time.perf_counter(), self.protocol(target)
        self.folder, former = on_first(lambda: places.place(self.folder, asked, self.others))
        if former and cacheable(target) and not (self.overwrite or self.save_images or self.save_statistics):
            return former
        self.check(target, asked)
        self.suite.to(self.device)
        self.folder.mkdir(parents=True, exist_ok=True)
        with progress() as task:
            reals = [self.reals(target, extractor, task) for extractor in self.suite.extractors]
            values = [self.judge(target, reals, seed, task) for seed in self.seeds]
        baseline = self.suite.baseline(reals)
        seconds = time.perf_counter() - start
        made = EvalResult.of(values, baseline, self.suite.quantities, asked, self.notes(target, reals), seconds)
        if process()[0] == 0:
            result.write(made, self.folder)
        return made

    def check(self, target: EvalTarget, asked: Mapping[str, Any]) -> None:
        """Refuse, before any work, metrics that the target cannot serve."""
        self.suite.check(target.data)
        counts = {"samples": asked["n_fake"], "reference images": asked["n_reference"], "held-out images": asked["n_held_out"]}
        self.suite.check_counts(counts, REMEDY)
        if self.save_statistics and len(self.suite.extractors) > 1:
            raise InputError("eval.save_statistics holds the statistics of one extractor: choose one")
        if isinstance(target.reference, Path) and (
            other := [name for name, metric in self.suite.metrics.items() if "reference" in needs(metric)]
        ):
            raise InputError(
                f"'{target.reference}' holds mean and covariance alone, too little for metric={other[0]}: use metric=frechet"
            )

    # ----- features ------------------------------------------------------------------------------------------------------

    def reals(self, target: EvalTarget, extractor: Extractor, task: Task) -> EvalInputs:
        """Return what the inputs of all seeds share; in the sample's place are held-out reals, or else the reference."""
        reference = self.reference(target, extractor, task)
        held_out = None if target.held_out is None else self.features(target.held_out, extractor, "held-out reals", task)
        sample = held_out or reference
        return EvalInputs(sample, reference, held_out, extractor, self.folder, None, target.data, display=target.display)

    def reference(self, target: EvalTarget, extractor: Extractor, task: Task) -> Features:
        """Return the features of the reals: from the cache, from a file of statistics, or computed now."""
        if isinstance(target.reference, Path):
            return features.read_statistics(target.reference, extractor, self.device, target.sample(0).shape)
        found = self.features(target.reference, extractor, "reference reals", task)
        if self.save_statistics:
            features.write_statistics(self.save_statistics, found.moments, features.protocol(target.reference, extractor))
        return found

    def features(self, source: Source, extractor: Extractor, name: str, task: Task) -> Features:
        """Return the features of a source, under a progress bar."""
        return features.cached(source, extractor, self.batch_size, self.device, task(name, len(source)))

    def judge(self, target: EvalTarget, reals: Sequence[EvalInputs], seed: int, task: Task) -> dict[str, float]:
        """Return the values of one seed."""
        source = target.sample(seed)
        if self.save_images and process()[0] == 0:
            save_images(source, self.save_images / f"seed{seed}", self.batch_size)
        inputs = [
            replace(
                each, sample=self.features(source, each.extractor, f"samples of seed {seed}", task), gan=target.gan, seed=seed
            )
            for each in reals
        ]
        return self.suite.values(inputs)

    # ----- what stands beside the values -----------------------------------------------------------------------------------

    def protocol(self, target: EvalTarget) -> dict[str, Any]:
        """Return all that decides the values."""
        sample, reference = target.sample(0), target.reference
        counts = {
            "n_reference": None if isinstance(reference, Path) else len(reference),
            "n_fake": len(sample),
            "n_held_out": None if target.held_out is None else len(target.held_out),
        }
        images = {
            "resolution": sample.shape[-1],
            "channels": sample.shape[0],
            "reference": str(reference) if isinstance(reference, Path) else reference.fingerprint,
            "device": self.device.type,
            "seeds": list(self.seeds),
        }
        stamps = {f"{name}_files": stamp_of(path) for name, path in self.paths(target).items()}
        return {**target.facts, **self.settings, **self.suite.protocol(), **images, **stamps, **counts}

    def paths(self, target: EvalTarget) -> dict[str, Path]:
        """Return the places of what comes as files."""
        given = {"sample": target.sample(0), "reference": target.reference}
        found = {name: each.path if isinstance(each, Files) else each for name, each in given.items()}
        return {name: path for name, path in found.items() if isinstance(path, Path)}

    def notes(self, target: EvalTarget, reals: Sequence[EvalInputs]) -> list[str]:
        """Return reasons why the values compare with few others."""
        sample = target.sample(0)
        files = [source for source in (sample, target.reference) if isinstance(source, Files)]
        notes = [f"'{source.path}' holds JPEG files, whose artefacts a metric sees" for source in files if source.lossy]
        for source in files:
            if broken := sorted(set().union(*everyone(source.broken))):
                number = count(len(broken), "broken image")
                notes.append(f"{number} of '{source.path}' gave way to the next, such as {broken[0]}")
        if sample.shape[0] == 1 and any(extractor.channels == 3 for extractor in self.suite.extractors):
            notes.append("grey images, repeated to three channels")
        return notes + self.suite.notes(reals, len(sample))


def cacheable(target: EvalTarget) -> bool:
    """Tell whether the protocol identifies all images: of files it has the name, whose content may have changed."""
    return not isinstance(target.sample(0), Files) and getattr(target.reference, "fingerprint", None) is not None


def save_images(source: Source, folder: Path, batch_size: int) -> None:
    """Save all images of a source as PNG files, as other tools read them."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for images, _ in source.batches(range(len(source)), batch_size):
        if images.dtype != torch.uint8:
            raise InputError("PNG files hold images alone, and these samples are none: leave eval.save_images out")
        for image in images:
            to_pil_image(image).save(folder / f"{number:06d}.png")
            number += 1
