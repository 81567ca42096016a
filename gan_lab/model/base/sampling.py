"""Samples of a GAN: functions of their numbers and a seed, the same bit for bit on any batch size and device."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from gan_lab import latents
from gan_lab.errors import InputError, nearest
from gan_lab.model import dropout
from gan_lab.model.base import standing_statistics
from gan_lab.rng import SampleRNG, Stream


class Sampling(LightningModule):
    """The part of every GAN that makes images: `GANModule` sets its attributes."""

    generator: Any
    generator_ema: Any
    latent: Callable[..., Tensor]
    dropout_in_sampling: bool
    standing_batches: int
    seed: int
    g_steps_done: int
    class_names: Sequence[str] = ()
    _standing: tuple[Any, Any] = (None, None)

    @torch.no_grad()
    def generate(self, z: Tensor, y: Tensor | None = None, ema: bool = True, truncation: float | None = None) -> Tensor:
        """Return images of the latents z (N, latent_dim), in float32 and evaluation mode, by the average or by G itself."""
        with self.evaluating(z, ema) as generator:
            z = z.to(next(generator.parameters()))
            return generator(z, y) if truncation is None else self.truncated(generator, z, y, truncation)

    @contextmanager
    def evaluating(self, z: Tensor, ema: bool = True) -> Iterator[Any]:
        """Yield the average of G, or G itself, as samples are made: in evaluation mode, float32, with standing statistics.

        Dropout that stays on in sampling is a function of the rows of ``z``: latents, or whatever G's images will be made of.
        """
        with torch.no_grad():
            generator = self.with_standing_statistics(self.generator_ema if ema else self.generator)
        was_training = generator.training
        generator.eval()
        dropping = dropout.kept(generator, z) if self.dropout_in_sampling else nullcontext()
        try:
            with torch.autocast(self.device.type, enabled=False), dropping:
                yield generator
        finally:
            generator.train(was_training)

    def with_standing_statistics(self, generator: Any) -> Any:
        """Return a copy of G with the standing statistics of ``standing_batches``, made once for these weights; or G itself."""
        if not self.standing_batches or not standing_statistics.has_any(generator):
            return generator
        version = (generator is self.generator_ema, self.g_steps_done, self.device)
        if self._standing[0] != version:
            rows = [range(64 * i, 64 * (i + 1)) for i in range(self.standing_batches)]
            inputs = ((self.latent_rows(row, self.seed, Stream.STANDING), self.labels(row)) for row in rows)
            self._standing = version, standing_statistics.recomputed(generator, inputs)
        return self._standing[1]

    def sample(
        self,
        indices: int | Sequence[int],
        seed: int | None = None,
        ema: bool = True,
        classes: Sequence[int | str] | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Return the images of these sample numbers, (N, C, H, W); the same seed and number give the same latent and label.

        Args:
            indices: the numbers; n stands for 0 to n - 1.
            seed: of the latents; None: the run's.
            ema: whether to use the averaged generator, or G itself.
            classes: labels, as numbers or by their names, taken in turn; None: all that there are.
            truncation: for better images of less variety, bound of the latents, or of a style's distance from the mean as a
                share of it (StyleGAN); None: none.
        """
        numbers = range(indices) if isinstance(indices, int) else indices
        z, options = self.latent_rows(numbers, self.seed if seed is None else seed), {}
        if truncation is not None:
            options["truncation"] = truncation
        return self.generate(z, self.labels(numbers, classes), ema, **options)

    def truncated(self, generator: Any, z: Tensor, y: Tensor | None, truncation: float) -> Tensor:
        """Return G's images of the latents within +-``truncation``; see `gan_lab.latents.truncate`."""
        if self.latent is not latents.normal:
            raise InputError(f"truncation={truncation} needs normal latents, and this GAN has others: leave it out")
        if truncation <= 0:
            raise InputError(f"truncation={truncation} is invalid: give a number above 0, or null")
        return generator(latents.truncate(z, truncation), y)

    def labels(self, indices: Sequence[int], classes: Sequence[int | str] | None = None) -> Tensor | None:
        """Return the labels of these sample numbers, the classes in turn; None where G takes no labels.

        A model whose labels are float vectors overrides it.
        """
        if label_dim := getattr(self.generator, "label_dim", None):
            raise InputError(
                f"{type(self.generator).__module__}.{type(self.generator).__qualname__} takes label vectors, and which to "
                f"sample only you know: override labels(indices, classes) of the model, to return them as (N, {label_dim})"
            )
        if (found := self.num_classes) is None:
            if classes is not None:
                raise InputError("this GAN was trained without labels: leave out classes=")
            return None
        chosen = range(found) if classes is None else [self._number(label, classes, found) for label in classes]
        return torch.tensor([chosen[index % len(chosen)] for index in indices], device=self.device)

    def _number(self, label: int | str, classes: Sequence[int | str], num_classes: int) -> int:
        """Return the number of a class: a text is its name, if it is one, and a whole number stands for itself."""
        if isinstance(label, str) and label in self.class_names:
            return self.class_names.index(label)
        if str(label).isdigit() and int(label) < num_classes:
            return int(label)
        names = f" or a name (of {', '.join(self.class_names[:20])})" if self.class_names else ""
        hint = nearest(str(label), self.class_names)
        raise InputError(f"classes={list(classes)}: there is no class {label}, use 0 to {num_classes - 1}{names}{hint}")

    @property
    def num_classes(self) -> int | None:
        """Number of labels that G takes; None: it makes images without."""
        return getattr(self.generator, "num_classes", None)

    @property
    def label_range(self) -> tuple[Tensor, Tensor] | None:
        """Lowest and highest numbers (K,) of labels that are vectors (N, K); None: they are none.

        They are those of samples; a model that knows the training labels overrides it.
        """
        y = self.labels(range(1024))
        return y.aminmax(dim=0) if y is not None and y.is_floating_point() else None

    def preview(self, n: int) -> Tensor:
        """Return the pictures that a run shows over time: about ``n`` images (N, C, H, W), in rows of ``columns``."""
        whole_rows = n if self.columns is None else max(1, n // self.columns) * self.columns
        return self.sample(whole_rows)

    @property
    def columns(self) -> int | None:
        """Number of pictures in a row of a grid: one of each class where there are few; None: a square grid."""
        return self.num_classes if self.num_classes and self.num_classes <= 20 else None

    def latent_rows(self, indices: Sequence[int], seed: int, stream: Stream = Stream.SAMPLE) -> Tensor:
        """Return the latents of these sample numbers (N, latent_dim): the same bit for bit on any batch size and device."""
        return self.latent(SampleRNG(seed, stream, indices=indices), len(indices), self.generator.latent_dim)
