"""Inception Score and its like, number of classes, and accuracy of conditional samples, from a classifier's logits."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.ranges import Fraction

LARGEST_GAP = 80.0
"""Between logits, beyond which a probability is 0 in float64 for what is computed here."""


class ClassifierScore(BaseMetric):
    """exp E KL(p(y|x) || p(y)) (Salimans 2016, https://arxiv.org/abs/1606.03498, section 4), accuracy, number of classes.

    Args:
        min_class_share: share of the samples that a class must hold to be counted.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, min_class_share: Fraction = 0.03) -> None:
        self.min_class_share = min_class_share

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return the quantities of a classifier; none for another extractor.

        ``cs_EXTRACTOR`` (``is_mean`` with the 2015 Inception): mean over the extractor's splits, each of which reads lower than
        all samples together: compare with the baseline. ``cs_std_EXTRACTOR`` (``is_std``): standard deviation over them.
        ``classes_EXTRACTOR``: classes that hold ``min_class_share`` of the samples or more, where there are few.
        ``accuracy_EXTRACTOR``: share of the samples that show the class asked for.
        """
        if not extractor.num_classes:
            return {}
        found = {extractor.named("cs"): Quantity("max")}
        if extractor.splits > 1:
            found[extractor.named("cs_std")] = Quantity(None)
        if extractor.counts_classes:
            found[extractor.named("classes")] = Quantity("max")
        if extractor.knows_labels:
            found[extractor.named("accuracy")] = Quantity("max")
        return found

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute them; no deviation for a single split, no accuracy without labels."""
        logits, extractor, labels = inputs.sample.logits, inputs.extractor, inputs.sample.labels
        if logits is None:
            return {}
        mean, std = classifier_score(logits, extractor.splits if len(logits) >= extractor.splits**2 else 1)
        values, shown = {extractor.named("cs"): mean}, logits.argmax(1)
        if std is not None:
            values[extractor.named("cs_std")] = std
        if extractor.counts_classes:
            shares = shown.bincount().double() / len(shown)
            values[extractor.named("classes")] = float((shares >= self.min_class_share).sum())
        if extractor.knows_labels and labels is not None:
            values[extractor.named("accuracy")] = float((shown == labels).double().mean())
        return values


def classifier_score(logits: Tensor, splits: int = 1) -> tuple[float, float | None]:
    """Compute the mean and, of several splits, the standard deviation (n - 1) of the score of logits (N, K).

    The rows are sorted and then shuffled by a fixed order, so that the samples alone decide the splits and not their order. As
    torchmetrics does, splits are chunks of ceil(N / splits). Logarithms throughout: a class that no sample shows is no NaN.
    """
    logits = (logits.double() - logits.double().amax(1, keepdim=True)).clamp_min(-LARGEST_GAP)
    if splits > 1:
        rows, counts = logits.unique(dim=0, return_counts=True)
        order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(0))
        logits = rows.repeat_interleave(counts, 0)[order.to(logits.device)]
    scores = []
    for part in logits.log_softmax(1).chunk(splits):
        marginal = part.logsumexp(0) - math.log(len(part))
        scores.append((part.exp() * (part - marginal)).sum(1).mean().exp())
    found = torch.stack(scores)
    return float(found.mean()), float(found.std()) if len(found) > 1 else None
