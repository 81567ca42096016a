"""Fréchet distance and classifier score of images, by torchmetrics' own classes on the features of any extractor.

The Fréchet distance is FID (Heusel 2017, https://arxiv.org/abs/1706.08500, eq. 6), the classifier score the Inception
Score (Salimans 2016, https://arxiv.org/abs/1606.03498, section 4). ``fid`` and ``is`` are their names only with the
Inception weights of 2015; another extractor gives another number, and another name.
"""

import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.utilities.data import dim_zero_cat

from gan_lab.data.pixels import to_uint8
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.metric.histogram import Histogram
from gan_lab.evaluation.metric.protocol import check_primary

SINGULAR = "fewer than {} samples: a covariance is singular, so compare the distance with no other"


class Identity(nn.Identity):
    """Hands features to torchmetrics as they are, and tells it how many."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


class ClassifierScore(InceptionScore):
    """torchmetrics' own, but the same for the same images, whatever their order: so on one process as on many.

    Args:
        splits: of the images; one as long as a split would have fewer images than there are splits.
    """

    def __init__(self, splits: int) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*will save all extracted features.*")  # a row of logits per image
            super().__init__(nn.Identity())
        self.add_state("features", [], dist_reduce_fx="cat")  # processes may have seen other numbers of batches
        self.most_splits = splits

    def splits_of(self, n: int) -> int:
        """Number of splits of ``n`` images."""
        return self.most_splits if n >= self.most_splits**2 else 1

    def compute(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over the splits, the latter no number for a single one."""
        logits = dim_zero_cat(self.features)
        rows, counts = logits.unique(dim=0, return_counts=True)  # an order that the images alone decide
        self.features, self.splits = [rows.repeat_interleave(counts, 0)], self.splits_of(len(logits))
        return super().compute()


class Judged:
    """The scores of one set of images against the reference: of the samples, or of the held-out reals."""

    def __init__(self, extractor: Extractor) -> None:
        self.distance = FrechetInceptionDistance(Identity(extractor.num_features), reset_real_features=False)
        self.score = ClassifierScore(extractor.score_splits)
        self.classes = Histogram(extractor.num_classes)
        self.hits = Histogram(2)  # of images with a label: shows another class, shows its own
        self.metrics = (self.distance, self.score, self.classes, self.hits)

    def to(self, device: torch.device) -> None:
        """Work on this device from now on."""
        for metric in self.metrics:
            metric.to(device)

    def update(self, features: Tensor, logits: Tensor, y: Tensor | None) -> None:
        """Add images, with labels (N,) if they have any.

        The gaps between logits end at 80: a class whose probability underflows to 0 in all images makes the score NaN.
        """
        self.distance.update(features, real=False)
        self.score.update((logits - logits.amax(1, keepdim=True)).clamp_min(-80.0))
        self.classes.update(logits.argmax(1))
        if y is not None:
            self.hits.update((logits.argmax(1) == y.to(logits.device)).long())

    def class_shares(self) -> Tensor:
        """The share of the images that the classifier puts into each class (K,); 0 without images."""
        counts = self.classes.compute().double()
        return counts / counts.sum().clamp_min(1)

    def classifier_score(self) -> tuple[float, float]:
        """Mean and standard deviation; leaves the global random state, by which torchmetrics shuffles, as it was."""
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"std\(\)")  # of one split
            torch.default_generator.manual_seed(0)  # one order on all processes; torch.manual_seed would seed GPUs too
            mean, std = self.score.compute()
        return float(mean), float(std)

    def accuracy(self) -> float | None:
        """The share of the labelled images that show their class; None without labels."""
        missed, hit = self.hits.compute().tolist()
        return hit / (hit + missed) if hit + missed else None

    def frechet_distance(self) -> float:
        """The distance; not below 0, as roundoff in the square root of a singular matrix may read."""
        return max(float(self.distance.compute()), 0.0)

    def reset(self) -> None:
        """Forget the images; keep the reference."""
        for metric in self.metrics:
            metric.reset()


class Fidelity:
    """How near the samples are to the training images in the eyes of a classifier.

    Scores, by the names that the extractor gives them (``digits8``'s; Inception's):
        fd_digits8, fid: Fréchet distance between the features of samples and training images.
        cs_digits8, is_mean: classifier score, exp of the mean KL(p(y|x) || p(y)); to be read beside that of held-out reals.
        is_std: its standard deviation over the splits.
        accuracy_digits8: share of the samples that show the class asked for; of conditional generators only.
        classes_digits8: number of classes that hold at least ``min_class_share`` of the samples.

    Args:
        extractor: the classifier.
        primary: the score that chooses the best checkpoint.
        mode: "min" or "max".
        min_class_share: share of the samples that a class must hold to be counted.
    """

    def __init__(self, extractor: Extractor, primary: str, mode: str, min_class_share: float = 0.03) -> None:
        if not extractor.num_classes:
            raise InputError(
                f"{extractor.name} is no classifier, by which a training run could judge: use it in gan_lab.evaluate "
                f"(extractor={extractor.name})"
            )
        self.better = {extractor.distance_name: "min", extractor.score_name: "max"}
        self.better |= dict.fromkeys(filter(None, (extractor.classes_name, extractor.accuracy_name)), "max")
        check_primary(self.better, primary, mode)
        self.extractor, self.primary, self.mode, self.min_class_share = extractor, primary, mode, min_class_share
        self.reference = Histogram(extractor.num_classes)
        self.fakes, self.held_out = (Judged(extractor) for _ in range(2))
        self.device = torch.device("cpu")
        self.n_real = self.n_fake = self.n_held_out = 0

    def to(self, device: torch.device | str) -> None:
        """Work on this device from now on."""
        self.device = torch.device("cpu" if torch.device(device).type == "mps" else device)  # MPS has no float64
        for part in (self.extractor, self.reference, self.fakes, self.held_out):
            part.to(self.device)

    @torch.inference_mode()  # everywhere: a sum made in inference mode can only be changed in inference mode
    def update_reference(self, real: Tensor) -> None:
        """Add training images, of both distances."""
        features, logits = self._extract(real)
        self.reference.update(logits.argmax(1))
        for judged in (self.fakes, self.held_out):
            judged.distance.update(features, real=True)

    @torch.inference_mode()
    def update_held_out(self, real: Tensor, y: Tensor | None = None) -> None:
        """Add held-out images, and labels (N,) if they have any."""
        self.held_out.update(*self._extract(real), y)

    @torch.inference_mode()
    def update(self, fake: Tensor, y: Tensor | None = None) -> None:
        """Add samples, and the labels (N,) that they were asked for."""
        self.fakes.update(*self._extract(fake), y)

    @torch.inference_mode()
    def compute(self) -> dict[str, float]:
        """The scores of the samples since `reset`."""
        self.n_real, self.n_fake = int(self.reference.compute().sum()), int(self.fakes.classes.compute().sum())
        if min(self.n_real, self.n_fake) < 2:
            name = self.extractor.distance_name
            raise InputError(f"{name} needs 2 training images and 2 samples or more, not {self.n_real} and {self.n_fake}")
        return self._scores(self.fakes)

    @torch.inference_mode()
    def floor(self) -> dict[str, float]:
        """The scores of the held-out images; empty when there are fewer than two."""
        self.n_held_out = int(self.held_out.classes.compute().sum())
        return self._scores(self.held_out) if self.n_held_out > 1 else {}

    @torch.inference_mode()
    def reset(self) -> None:
        """Forget the samples; keep the training and held-out images."""
        self.fakes.reset()

    def class_shares(self) -> list[float]:
        """The share of the samples in each class (K,); every process must call it."""
        return self.fakes.class_shares().tolist()

    def protocol(self) -> dict[str, Any]:
        """How the scores of the last `compute` and `floor` were made."""
        least = self.extractor.num_features + 1
        return {
            "extractor": self.extractor.name,
            "weights_sha256": self.extractor.weights_sha256,
            "quantiser": "uint8, clamp to [-1, 1], round((x + 1) * 127.5)",
            "resize": self.extractor.resize,
            "reference": "train",
            "score_splits": self.fakes.score.splits_of(self.n_fake),
            "min_class_share": self.min_class_share if self.extractor.classes_name else None,
            "n_real": self.n_real,
            "n_fake": self.n_fake,
            "n_held_out": self.n_held_out,
            "note": SINGULAR.format(least) if min(self.n_real, self.n_fake) < least else None,
        }

    def _extract(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.extractor(to_uint8(images).to(self.device))
        assert logits is not None
        return features.double(), logits.double()

    def _scores(self, judged: Judged) -> dict[str, float]:
        mean, std = judged.classifier_score()
        scores = {self.extractor.distance_name: judged.frechet_distance(), self.extractor.score_name: mean}
        if self.extractor.score_std_name and math.isfinite(std):
            scores[self.extractor.score_std_name] = std
        if self.extractor.classes_name:
            scores[self.extractor.classes_name] = float((judged.class_shares() >= self.min_class_share).sum())
        if self.extractor.accuracy_name and (accuracy := judged.accuracy()) is not None:
            scores[self.extractor.accuracy_name] = accuracy
        return scores
