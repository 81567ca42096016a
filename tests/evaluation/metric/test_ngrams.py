from collections import Counter

import numpy as np
import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.characters import Characters
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.ngrams import NGrams
from gan_lab.evaluation.suite import MetricSuite
from gan_lab.rng import make_generator
from tests.evaluation.cases import case


def lines(n, length, characters, seed=0):
    """Lines whose later characters are the rarer ones."""
    return (characters * torch.rand(n, length, generator=make_generator(seed)).square()).floor()


def judge(sample, reference, held_out=None, **options):
    return NGrams(**options)(case(sample, reference, held_out, extractor=Characters()))


def divergence(x, y, n):
    """By the definition, from counts in a dictionary."""

    def frequencies(some):
        counts = Counter(tuple(line[i : i + n]) for line in some.int().tolist() for i in range(len(line) - n + 1))
        return {gram: count / sum(counts.values()) for gram, count in counts.items()}

    p, q = frequencies(x), frequencies(y)
    p, q = (np.array([each.get(gram, 0.0) for gram in p | q]) for each in (p, q))

    def kl(a, b):
        return sum(u * np.log2(u / v) for u, v in zip(a, b, strict=True) if u)

    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def test_each_length_is_the_divergence_by_definition():
    x, y = lines(40, 9, 5), lines(60, 9, 6, seed=1)
    assert judge(x, y) == pytest.approx({f"jsd_{n}": divergence(x, y, n) for n in (1, 2, 3, 4)})


def test_equal_lines_have_none_and_strangers_a_bit():
    x = lines(20, 8, 5)
    assert judge(x, x.flip(0)) == pytest.approx(dict.fromkeys(("jsd_1", "jsd_2", "jsd_3", "jsd_4"), 0.0), abs=1e-12)
    assert judge(x, x + 5) == pytest.approx(dict.fromkeys(("jsd_1", "jsd_2", "jsd_3", "jsd_4"), 1.0))


def test_a_closed_form_in_bits():
    x, y = torch.zeros(4, 1), torch.tensor([[0.0], [0.0], [1.0], [1.0]])  # p = (1, 0), q = (1/2, 1/2)
    assert judge(x, y, lengths=[1]) == {"jsd_1": pytest.approx((np.log2(4 / 3) + 0.5 * np.log2(2 / 3) + 0.5) / 2)}


def test_order_within_a_line_counts_from_pairs_on():
    found = judge(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]]), lengths=[1, 2])
    assert found == {"jsd_1": pytest.approx(0, abs=1e-12), "jsd_2": pytest.approx(1)}


def test_long_grams_of_many_characters_do_not_overflow_and_those_that_do_not_fit_are_left_out():
    x, y = lines(30, 9, 2048), lines(30, 9, 2048, seed=1)
    found = judge(x, torch.cat([x[:15], y[:15]]), lengths=[8, 12])
    assert found == {"jsd_8": pytest.approx(divergence(x, torch.cat([x[:15], y[:15]]), 8))}


def test_the_longest_chooses_the_checkpoint_and_held_out_lines_are_the_baseline():
    suite, (x, y, z) = (
        MetricSuite({"ngrams": NGrams([1, 2])}, {"c": Characters()}),
        (lines(30, 6, 4, seed) for seed in range(3)),
    )
    assert suite.choose(None) == ("jsd_2", "min")
    assert [each.unit for each in suite.quantities.values()] == ["bits", "bits"]
    baseline = suite.baseline([case(x, y, z, extractor=Characters())])
    assert baseline == pytest.approx({f"jsd_{n}": divergence(z, y, n) for n in (2, 1)})


def test_beside_other_metrics_each_reads_what_it_understands():
    suite = MetricSuite({"frechet": Frechet(), "ngrams": NGrams()}, {"c": Characters(), "p": Pixels()})
    assert list(suite.quantities) == ["fd_pixels", "jsd_4", "jsd_3", "jsd_2", "jsd_1"]
    suite.check(None)


@pytest.mark.parametrize(
    ("metric", "extractor", "message"),
    [
        (NGrams(), Pixels(), "metric=x reads text: use data=text_lines and extractor=characters"),
        (Frechet(), Characters(), "metric=x measures distances, and the numbers of characters have none: use metric=ngrams"),
    ],
)
def test_a_metric_that_cannot_read_the_features_is_refused(metric, extractor, message):
    with pytest.raises(InputError, match=message):
        MetricSuite({"x": metric}, {"y": extractor}).check(None)
