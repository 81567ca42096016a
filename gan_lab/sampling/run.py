"""The run behind a checkpoint: its data and the features of its images, made when a mode asks for them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig
from torch import Tensor

from gan_lab import trust
from gan_lab.data.module import Data
from gan_lab.errors import InputError
from gan_lab.evaluation import features
from gan_lab.evaluation.extractor import Extractor, trained
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.inputs import Features
from gan_lab.evaluation.progress import progress
from gan_lab.evaluation.source import Reals, Source
from gan_lab.evaluation.targets import data_of
from gan_lab.sizes import height_and_width
from gan_lab.training import checkpoint


@dataclass(frozen=True)
class TrainedRun:
    """A checkpoint, with the configuration in it.

    Attributes:
        path: of the checkpoint.
        config: its configuration.
        moved: new values for options of its data.
        trusted: modules outside gan_lab that it may call; see `gan_lab.trust.check`.
        device: of the extractor.
        batch_size: of the extractor.
    """

    path: Path
    config: DictConfig
    moved: Mapping[str, Any]
    trusted: Collection[str]
    device: torch.device
    batch_size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        data = self.config.data
        return tuple(data.get("shape") or (data.channels, *height_and_width(data.image_size)))

    @cached_property
    def data(self) -> Data:
        """The data set that it was trained on."""
        trust.check(self.config, self.path, self.trusted, ["data", "extractor"])
        return data_of(self.path, self.config, self.moved)

    def reals(self, n: int | None = None) -> Reals:
        """Return training images: ``n`` of them, the same each time; None: all."""
        return Reals(self.data, "train", n)

    @cached_property
    def centres(self) -> Tensor | None:
        """Centres (K, ...) of the modes of its data, which are not read; None: unknown, or only by code that is not trusted."""
        data = self.config.data
        if not data.get("layout"):
            return None
        try:
            trust.check(data, self.path, self.trusted, ["layout"])
        except InputError:  # marks are no reason to refuse a picture
            return None
        return getattr(instantiate(data.layout), "centers", None)

    @cached_property
    def extractor(self) -> Extractor:
        """The run's own extractor, the first whose features have distances; pixels without one."""
        self.data  # noqa: B018  which holds it to what is trusted
        chosen = self._extractors(self.config.get("extractor") or {})
        found: Extractor = next((each for each in chosen if each.has_distances), Pixels())
        found.to(self.device)
        return found

    @cached_property
    def differentiable_extractor(self) -> Extractor | None:
        """The first of the run's own extractors that is differentiable; None: there is none. Others are not made for it."""
        trust.check(self.config, self.path, self.trusted, ["extractor"])
        choices = {
            name: choice
            for name, choice in (self.config.get("extractor") or {}).items()
            if getattr(get_object(choice["_target_"]), "differentiable", False)
        }
        found: Extractor | None = next(iter(self._extractors(choices)), None)
        if found is not None:
            found.to(self.device)
        return found

    def _extractors(self, choices: Mapping[str, Any]) -> list[Extractor]:
        """Make extractors; the data are read where one of them is found by its data."""
        if not any(choice["_target_"] == trained.TARGET for choice in choices.values()):
            return [*instantiate(choices).values()]
        overrides = checkpoint.read(self.path)["overrides"]
        return [*instantiate(trained.with_weights(choices, self.data, overrides)).values()]

    def features(self, **sources: Source) -> dict[str, Features]:
        """Return the features of sources by name, under a progress bar each; those of reals are kept for other runs."""
        extractor = self.extractor
        with progress() as task:
            return {
                name: features.cached(source, extractor, self.batch_size, self.device, task(name, len(source)))
                for name, source in sources.items()
            }
