"""Divergence of character n-grams, as in the authors' language model of WGAN-GP (Gulrajani 2017, https://arxiv.org/abs/1704.00028).

Every n-gram of every line counts, those that reach into the padding included.
"""

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.extractor.characters import Characters
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.ranges import Count


class NGrams(BaseMetric):
    """Jensen-Shannon divergence, in bits, between the n-grams of samples and of reals; on the features of ``characters`` alone.

    It is 0 for equal frequencies and 1 where no n-gram is shared. Finite sets read high, the higher the longer the n-grams, so
    compare with the baseline.

    Args:
        lengths: the numbers n.
    """

    min_samples = 1
    needs: ClassVar[frozenset[str]] = frozenset({"reference", "characters"})

    def __init__(self, lengths: Sequence[Count] = (1, 2, 3, 4)) -> None:
        self.lengths = sorted(lengths, reverse=True)

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``jsd_N`` of each length, the longest first; none for features that are no characters."""
        if extractor.name != Characters.name:
            return {}
        return {f"jsd_{n}": Quantity("min", "bits") for n in self.lengths}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute those of n-grams that fit into a line."""
        if inputs.extractor.name != Characters.name:
            return {}
        sample, reference = (some.features.long() for some in (inputs.sample, inputs.reference))
        counts = enumerate(ngram_counts(sample, reference, max(self.lengths)), 1)
        return {f"jsd_{n}": jensen_shannon(*pair) for n, pair in counts if n in self.lengths}


def ngram_counts(x: Tensor, y: Tensor, longest: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the counts (K,) in both sets of each n-gram that either holds, for n from 1 to ``longest`` or the length of a line.

    Args:
        x: whole numbers (N, L).
        y: whole numbers (M, L).
        longest: the last n.
    """
    characters = torch.cat([x, y])
    base, grams = int(characters.max()) + 1, characters.new_zeros(len(characters), characters.shape[1] + 1)
    for n in range(1, min(longest, characters.shape[1]) + 1):  # a gram's number among all of its length keeps the codes small
        codes = grams[:, :-1] * base + characters[:, n - 1 :]
        grams = torch.unique(codes, return_inverse=True)[1]
        kinds = int(grams.max()) + 1
        yield grams[: len(x)].flatten().bincount(minlength=kinds), grams[len(x) :].flatten().bincount(minlength=kinds)


def jensen_shannon(x: Tensor, y: Tensor) -> float:
    """Return the divergence, in bits, between the distributions that these counts (K,) estimate."""
    p, q = (counts.double() / counts.sum() for counts in (x, y))
    middle = (p + q) / 2
    return float(sum(torch.xlogy(each, each / middle).sum() for each in (p, q)) / (2 * math.log(2)))
