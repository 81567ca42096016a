"""The data module: turns a training and a held-out data set into batches on the device.

A data set yields uint8 images (C, H, W), float32 points (2, 1, 1), signals (C, L) or vectors (F,), or what a subclass makes of
floats (`Data.to_floats`), each with its label or None, as torchvision's do with ``PILToTensor``. One with
``__getitems__(indices)`` yields a whole batch at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypedDict

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from gan_lab.data import checks, prepared
from gan_lab.data.arrays import Arrays, placed
from gan_lab.data.pixels import dequantize, flip, to_unit
from gan_lab.data.sampler import EndlessBatches, shuffled
from gan_lab.data.survey import Survey
from gan_lab.data.workers import Loader
from gan_lab.errors import InputError
from gan_lab.ranges import Count, Processes, Sides, Size, Text
from gan_lab.rng import StepRNG, Stream
from gan_lab.sizes import as_given, height_and_width

Batch = tuple[Tensor, Tensor | None]


class Options(TypedDict, total=False):
    """Options of every data module, whatever its source; see `Data`."""

    channels: Size
    image_size: Sides
    shape: Sequence[Size]
    num_classes: Size | None
    batch_size: Count
    seed: int
    num_workers: Processes
    flip: bool
    dequantize: bool
    num_judged: Count | None
    prepared: Text | None


class Data(L.LightningDataModule):
    """Batches (images, y): uint8 from the loaders, float32 in [-1, 1] on the device; y is int64 (N,), or None.

    Training batches are endless and a function of the seed and of the images seen, which is the GAN's clock. So an exact
    resume needs no saved loader state, and neither the number of workers nor that of processes changes the batches.

    Args:
        train: makes the training set.
        held_out: makes the set used for evaluation only.
        channels: number of image channels; 2 for points; None with ``shape``.
        image_size: height and width, as one number or [H, W]; 1 for points; None with ``shape``.
        num_classes: number of classes; None drops the labels, if there are any.
        batch_size: samples per process.
        seed: seed of the order, flips and dequantisation.
        num_workers: worker processes that read ahead; 0 for data in memory.
        flip: mirror a random half of the training images.
        dequantize: add uniform noise within a grey level to the training images.
        num_judged: held-out samples, and as many training samples, for evaluation, the same in every run; None: all
            held-out samples.
        prepared: folder where `gan_lab.prepare` writes arrays; those of this module's `recipe` are used if they exist.
        layout: the known modes, if any; the metric and both sets are built on it.
        shape: shape of a sample that is no square image: a signal (channels, length) or a vector (features,).
        label_dim: size of float label vectors y (N, label_dim); None: labels are classes.
    """

    def __init__(
        self,
        train: Callable[[], Dataset],
        held_out: Callable[[], Dataset],
        *,
        channels: Size | None = None,
        image_size: Sides | None = None,
        num_classes: Size | None,
        batch_size: Count,
        seed: int,
        num_workers: Processes = 0,
        flip: bool = False,
        dequantize: bool = False,
        num_judged: Count | None = None,
        prepared: Text | None = None,
        layout: object | None = None,
        shape: Sequence[Size] | None = None,
        label_dim: Size | None = None,
    ) -> None:
        super().__init__()
        self.train, self.held_out, self.layout = train, held_out, layout
        if shape is None and channels is not None and image_size is not None:
            shape = channels, *height_and_width(image_size)
        if shape is None:
            raise InputError(
                "the data state no shape of a sample: give data.channels and data.image_size, or data.shape=[CHANNELS,LENGTH]"
            )
        self.shape, self.channels = tuple(shape), shape[0]
        self.image_size = as_given(shape[1], shape[2]) if len(shape) == 3 else shape[-1]
        self.num_classes, self.label_dim = num_classes, label_dim
        self.batch_size, self.eval_batch_size = batch_size, max(batch_size, 250)
        self.seed, self.num_workers, self.flip, self.dequantize = seed, num_workers, flip, dequantize
        self.num_judged, self.prepared = num_judged, prepared

    @cached_property
    def train_set(self) -> Any:
        """The training set, made on first access."""
        return prepared.find(self, "train") or self.train()

    @cached_property
    def held_out_set(self) -> Any:
        """The held-out set, made on first access."""
        return prepared.find(self, "held_out") or self.held_out()

    @property
    def resolved(self) -> dict[str, Any]:
        """Options whose values the files decide: a command writes them into its configuration, and so into checkpoints."""
        return {}

    @property
    def recipe(self) -> dict[str, Any] | None:
        """Options that determine the bytes of a prepared array, as plain data with a ``name``; None: nothing to prepare."""
        return None

    @property
    def stamp(self) -> str | None:
        """A string that changes with the source, to detect outdated prepared arrays; None if there is no source to check."""
        return None

    def fingerprint(self, split: str) -> dict[str, Any] | None:
        """Return plain data that change with any pixel or label of a split, "train" or "held_out".

        None if that would need reading all images.
        """
        dataset = self.train_set if split == "train" else self.held_out_set
        found = (
            dataset.fingerprint if isinstance(dataset, Arrays) else self.recipe and {"recipe": self.recipe, "stamp": self.stamp}
        )
        return found and {"split": split, "num_classes": self.num_classes, **found}

    @property
    def broken(self) -> list[str]:
        """Names of the images that could not be read so far and were replaced or left out."""
        return [name for dataset in (self.train_set, self.held_out_set) for name in getattr(dataset, "broken", [])]

    @property
    def faults(self) -> dict[str, int]:
        """Reasons why images were left out so far, each with their number."""
        found = Counter[str]()
        for dataset in (self.train_set, self.held_out_set):
            found.update(getattr(dataset, "faults", {}))
        return dict(found)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes by their numbers; empty where the data have no labels, or no names for them."""
        return [] if self.num_classes is None else list(getattr(self.train_set, "classes", ()))

    @cached_property
    def survey(self) -> Survey:
        """What came in, by a look at some training samples; see `gan_lab.data.survey.describe`."""
        return Survey.of(self)

    @property
    def num_train(self) -> int:
        """Number of training samples, the length of an epoch."""
        return len(self.train_set)

    @property
    def num_evaluated(self) -> int:
        """Number of held-out samples, and of training samples, that an evaluation takes."""
        return min(len(self.held_out_set), self.num_judged or len(self.held_out_set))

    # ----- checks ----------------------------------------------------------------------------------------------------

    def setup(self, stage: str | None = None) -> None:
        """Refuse options that do not fit the data."""
        image, label = self.train_set[0]
        checks.check_batch_size(self.batch_size, self.num_train, self._process[1])
        for sample in (image, self.held_out_set[0][0]):
            checks.check_shape(self.shape, tuple(self.to_floats(sample[None]).shape[1:]))
        if self.num_classes is not None:
            checks.check_labels(self.num_classes, label, getattr(self.train_set, "labels", None), len(self.class_names))
        if self.label_dim is not None:
            checks.check_label_dim(self.label_dim, self.num_classes, label)

    # ----- loaders ---------------------------------------------------------------------------------------------------

    def train_dataloader(self) -> DataLoader:
        """Return endless batches that start at the GAN's clock."""
        return self._loader(placed(self.train_set, self._device), self.order(), persistent_workers=True)

    def order(self) -> Sampler[list[int]]:
        """Return the endless batches of training indices of this process."""
        return EndlessBatches(self.num_train, self.batch_size, self.seed, self._images_seen, *self._process)

    def reference_rows(self, n: int) -> list[int]:
        """Return the indices of the ``n`` training samples that an evaluation takes, the same in every run."""
        return shuffled(self.num_train)[:n]

    def val_dataloader(self) -> list[DataLoader]:
        """Return this process's share, without overlap, of the held-out samples in order and of as many training samples.

        The training samples do not depend on the run's seed, so metrics against them are comparable across runs.
        """
        held_out: Sequence[int] = range(len(self.held_out_set))
        if self.num_evaluated < len(held_out):
            held_out = sorted(shuffled(len(held_out))[: self.num_evaluated])
        reference = self.reference_rows(len(held_out))
        return [self._share(self.held_out_set, held_out), self._share(self.train_set, reference)]

    test_dataloader = val_dataloader

    def _share(self, dataset: Dataset, indices: Any) -> DataLoader:
        rank, world_size = self._process
        return self._loader(dataset, BatchSampler(indices[rank::world_size], self.eval_batch_size, drop_last=False))

    def _loader(self, dataset: Dataset, batches: Any, persistent_workers: bool = False) -> DataLoader:
        arrays = dataset.images if isinstance(dataset, Arrays) else None
        num_workers = self.num_workers if arrays is None else 0
        pins = self._device.type == "cuda" and (arrays is None or arrays.is_cpu)  # a copy from pageable memory would block
        return Loader(
            dataset,
            batch_sampler=batches,
            collate_fn=self.collate,
            num_workers=num_workers,
            persistent_workers=persistent_workers and num_workers > 0,
            multiprocessing_context="fork" if num_workers else None,  # other methods fail under joblib's launcher
            generator=torch.Generator(),  # without one, iter() draws from torch's global generator
            pin_memory=pins,
        )

    def collate(self, samples: Batch | list[tuple[Tensor, Any]]) -> Batch:
        """Make a batch from the data set's output: a batch already, or a list of samples."""
        if isinstance(samples, list):
            images, labels = zip(*samples, strict=True)
            samples = torch.stack(images), None if labels[0] is None else stacked(labels)
        return samples[0], None if self.num_classes is None and self.label_dim is None else samples[1]

    def first_batch(self) -> Batch:
        """Return the first training samples, neither flipped nor dequantised, as a step sees them."""
        return self.on_after_batch_transfer(
            self.collate([self.train_set[i % self.num_train] for i in range(self.batch_size)]), 0
        )

    def batches(self, dataset: Dataset, rows: Sequence[int], size: int) -> Iterator[Batch]:
        """Yield the samples of these indices in order, ``size`` at a time: images as uint8, all else as floats."""
        for samples, y in self._loader(dataset, BatchSampler(rows, size, drop_last=False)):
            yield samples if samples.dtype == torch.uint8 else self.to_floats(samples), y

    # ----- on the device ---------------------------------------------------------------------------------------------

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Convert samples to floats; flip and dequantise training images only."""
        images, y = batch
        is_changed = self.trainer and self.trainer.training and (self.flip or self.dequantize)
        return self._augment(images) if images.dtype == torch.uint8 and is_changed else self.to_floats(images), y

    def to_floats(self, samples: Tensor) -> Tensor:
        """Return samples (N, ...) as networks see them: uint8 images as float32 in [-1, 1], floats as they are."""
        return to_unit(samples) if samples.dtype == torch.uint8 else samples

    def _augment(self, images: Tensor) -> Tensor:
        rank, world_size = self._process
        step = self._gan.d_steps_done
        rng = StepRNG(self.seed, Stream.DATA, step, device=images.device, rank=rank, world_size=world_size)
        if self.flip:
            images = flip(images, rng.uniform(len(images)))
        return dequantize(images, rng.uniform(*images.shape)) if self.dequantize else to_unit(images)

    # ----- process and clock -----------------------------------------------------------------------------------------

    @property
    def _process(self) -> tuple[int, int]:
        """(rank, world size)."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    @property
    def _device(self) -> torch.device:
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")

    @property
    def _gan(self) -> Any:
        """The GAN in training, which has the clocks; None without a trainer."""
        return self.trainer and self.trainer.lightning_module

    def _images_seen(self) -> int:
        return self._gan.images_seen if self._gan else 0


def stacked(labels: Sequence[Any]) -> Tensor:
    """Return class labels as int64 (N,), and float labels as float32 (N, K)."""
    y = torch.stack([torch.as_tensor(label) for label in labels])
    return y.float() if y.is_floating_point() else y.long()
