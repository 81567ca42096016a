import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal

from gan_lab.errors import InputError
from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.metric.fld import FLD, fit, fld
from gan_lab.rng import make_generator
from tests.evaluation.cases import Eyes, case, normal

D = 6
TRAIN, HELD_OUT = normal(240, D), normal(80, D, seed=1)


def fresh(n=100, std=1.0):
    return normal(n, D, seed=2, std=std)


def squares(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(2)


def adam(parameters, gradient, state, step):
    """Kingma & Ba 2015, algorithm 1, with the usual constants."""
    state["m"] = 0.9 * state["m"] + 0.1 * gradient
    state["v"] = 0.999 * state["v"] + 0.001 * gradient**2
    return parameters - 0.5 * (state["m"] / (1 - 0.9**step)) / (np.sqrt(state["v"] / (1 - 0.999**step)) + 1e-8)


def fitted(centres, train, batch=10_000):
    """Log variances by the authors' procedure, with the gradient of the likelihood on paper."""
    n, d = centres.shape
    variances = np.append(np.log((squares(train, centres).min(0) + 1e-3) / d), 0.0)  # the last: that of the broad Gaussian
    weights = np.append(np.full(n, 1 / n), 1.0)
    state, losses, step = {"m": 0.0, "v": 0.0}, [], 0
    for _ in range(50):
        means = []
        for rows in np.split(train, range(batch, len(train), batch)):
            step += 1
            far = 0.81 * ((rows - train.mean(0)) ** 2).sum(1, keepdims=True)
            ratios = np.concatenate([squares(rows, centres), far], 1) / np.exp(variances)
            terms = np.log(weights) - (ratios + d * variances + d * np.log(2 * np.pi)) / 2
            gradient = -(softmax(terms, 1) * (ratios - d) / 2).mean(0) / d
            variances = adam(variances, gradient, state, step)
            variances[:-1] = variances[:-1].clip(-40, 40)
            means.append(-logsumexp(terms, 1).mean() / d)
        losses.append(np.mean(means))
        if len(losses) > 6 and np.abs(np.array(losses[-5:]) - losses[-1]).max() < 5e-4:
            break
    return variances[:-1], len(losses)


def nll(centres, train, held_out):
    """Nats per feature, by SciPy's normal densities."""
    variances = np.exp(fitted(centres, train)[0])
    parts = [multivariate_normal(c, v).logpdf(held_out) for c, v in zip(centres, variances, strict=True)]
    return -(logsumexp(parts, 0) - np.log(len(centres))).mean() / held_out.shape[1]


@pytest.mark.parametrize(("x", "settles"), [(fresh(std=0.05), True), (fresh(), True), (TRAIN[:100] + 0.001, False)])
def test_the_fit_is_that_of_a_gradient_on_paper(x, settles):
    expected, epochs = fitted(x.numpy(), TRAIN.numpy())
    assert (6 < epochs < 50) == settles
    assert np.allclose(fit(x, TRAIN), expected, rtol=1e-7)


def test_batches_are_steps_and_blocks_are_not(monkeypatch):
    monkeypatch.setattr("gan_lab.evaluation.metric.fld.BATCH", 100)
    monkeypatch.setattr("gan_lab.evaluation.neighbours.BLOCK", 30)
    found = fit(fresh(), TRAIN)
    assert np.allclose(found, fitted(fresh().numpy(), TRAIN.numpy(), batch=100)[0], rtol=1e-7)
    assert not np.allclose(found, fitted(fresh().numpy(), TRAIN.numpy())[0], rtol=1e-2)


@pytest.mark.parametrize("n", [100, 200])
def test_it_is_that_of_the_authors_procedure(n):
    x, train, held_out = 3 + 2 * fresh(n, std=1.2), 3 + 2 * TRAIN, 3 + 2 * HELD_OUT
    draws = make_generator(0)
    torch.randperm(n, generator=draws)
    order = torch.randperm(len(train), generator=draws)
    mean, std = held_out.numpy().mean(0), held_out.numpy().std(0, ddof=1)
    fake, seen, unseen = ((z.numpy() - mean) / std for z in (x, train[order], held_out))
    half = min(n, 120)
    expected = 100 * (nll(fake, seen, unseen) - nll(seen[:half], seen[half:], unseen))
    assert fld(x, train, held_out) == pytest.approx(expected, abs=1e-6)


def test_fresh_samples_are_near_0_and_others_above():
    values = [fld(normal(100, D, seed=seed), TRAIN, HELD_OUT) for seed in range(3, 9)]
    assert np.mean(values) == pytest.approx(0, abs=4)
    worst = max(values)
    assert fld(1 + fresh(), TRAIN, HELD_OUT) > worst + 10
    assert fld(fresh(std=2), TRAIN, HELD_OUT) > worst + 10
    assert fld(fresh(1).repeat(100, 1) + fresh(std=0.01), TRAIN, HELD_OUT) > worst + 10  # collapsed


def test_copies_are_worst():
    near = fld(TRAIN[:100] + fresh(std=0.05), TRAIN, HELD_OUT)
    assert near > 1000
    assert near < fld(TRAIN[:100], TRAIN, HELD_OUT) < float("inf")
    assert fld(torch.cat([TRAIN[:50], fresh(50)]), TRAIN, HELD_OUT) > fld(fresh(), TRAIN, HELD_OUT)


def test_narrow_samples_score_below_0_and_so_do_more_samples_than_half_of_the_training_images():
    assert fld(fresh(std=0.8), TRAIN, HELD_OUT) < fld(fresh(), TRAIN, HELD_OUT)
    assert fld(fresh(1000), TRAIN, HELD_OUT) < fld(fresh(120), TRAIN, HELD_OUT)


def test_constant_features_are_left_out_and_scales_change_nothing():
    pads = [torch.cat([1000 * z, torch.full((len(z), 2), 5.0)], 1).float() for z in (fresh(), TRAIN, HELD_OUT)]
    assert fld(*pads) == pytest.approx(fld(fresh(), TRAIN, HELD_OUT), abs=1e-3)
    with pytest.raises(InputError, match="FLD needs held-out reals that differ"):
        fld(fresh(), TRAIN, torch.ones(9, D))


def test_more_samples_are_cut_to_a_random_part():
    x = torch.cat([fresh(100), fresh(100) + 1])
    cut = fld(x, TRAIN, HELD_OUT, max_samples=100)
    assert fld(x[:100], TRAIN, HELD_OUT) < cut < fld(x[100:], TRAIN, HELD_OUT)  # neither half alone


def test_it_works_where_gradients_are_off_and_leaves_the_global_random_state():
    torch.rand(1)
    state, expected = torch.get_rng_state(), fld(fresh(), TRAIN, HELD_OUT)
    with torch.inference_mode():
        assert fld(fresh(), TRAIN, HELD_OUT) == expected
    with torch.no_grad():
        assert fld(fresh(), TRAIN, HELD_OUT) == expected
    assert torch.equal(torch.get_rng_state(), state)


def test_the_metric_is_named_after_the_extractor_and_its_baseline_is_one_half_of_the_reals_beside_the_other():
    inputs, metric = case(fresh(), TRAIN, HELD_OUT), FLD()
    assert metric.quantities(Eyes()) == {"fld_eyes": Quantity("min", "0.01 nats/feature")}
    assert metric(inputs) == {"fld_eyes": fld(fresh(), TRAIN, HELD_OUT)}
    assert metric.baseline(inputs) == {"fld_eyes": fld(HELD_OUT[::2], TRAIN, HELD_OUT[1::2])}
    few = metric.baseline(case(fresh(4), TRAIN[:4], HELD_OUT[: FLD.min_samples]))
    assert math.isfinite(few["fld_eyes"])
    assert metric(case(fresh(), TRAIN)) == metric.baseline(case(fresh(), TRAIN)) == {}
