"""What a classifier says of the samples: the Inception Score, and whether they show the class asked for."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.evaluation.metric import EvalInputs
from gan_lab.rng import make_generator


class Classifier:
    """exp E KL(p(y|x) || p(y)) (Salimans 2016, section 4), called Inception Score in the eyes of Inception alone.

    Also the share of samples that show the class asked for, where the classifier's classes are the data's.
    """

    better: ClassVar[Mapping[str, str]] = {"is": "max", "cs": "max", "accuracy": "max"}

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """Mean over the extractor's number of splits, their standard deviation, accuracy; nothing without a classifier."""
        logits, names = case.sample.logits, case.extractor
        if logits is None:
            return {}
        splits = names.score_splits if len(logits) >= names.score_splits**2 else 1
        mean, std = classifier_score(logits, splits)
        scores = {names.score_name: mean}
        if names.score_std_name and splits > 1:
            scores[names.score_std_name] = std
        if names.accuracy_name and case.sample.labels is not None:
            scores[names.accuracy_name] = float((logits.argmax(1) == case.sample.labels).double().mean())
        return scores


def classifier_score(logits: Tensor, splits: int = 1) -> tuple[float, float]:
    """Mean and standard deviation (n - 1) over splits of logits (N, K), shuffled by an order that N alone decides.

    Works with logarithms throughout, so that a class that no sample shows leaves a number.
    """
    shuffled = logits[torch.randperm(len(logits), generator=make_generator(len(logits)))].double()
    scores = []
    for part in shuffled.log_softmax(1).tensor_split(splits):
        marginal = part.logsumexp(0) - math.log(len(part))
        scores.append((part.exp() * (part - marginal)).sum(1).mean().exp())
    found = torch.stack(scores)
    return float(found.mean()), float(found.std()) if splits > 1 else 0.0
