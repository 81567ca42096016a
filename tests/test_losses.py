import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from gan_lab import losses

ZERO = torch.zeros(8)
SCORES = torch.linspace(-3, 3, 8), torch.linspace(-2, 4, 8)


def test_vanilla_is_two_log_two_where_d_is_undecided():
    assert losses.vanilla_d(ZERO, ZERO).item() == pytest.approx(2 * math.log(2))
    assert losses.non_saturating_g(ZERO).item() == pytest.approx(math.log(2))


def test_vanilla_is_binary_cross_entropy_of_one_sigmoid():
    real, fake = SCORES
    reference = binary_cross_entropy(real.sigmoid(), torch.ones(8)) + binary_cross_entropy(fake.sigmoid(), torch.zeros(8))
    torch.testing.assert_close(losses.vanilla_d(real, fake), reference)


def test_generator_losses_of_the_2014_game():
    fake = SCORES[1]
    torch.testing.assert_close(losses.non_saturating_g(fake), -fake.sigmoid().log().mean())
    torch.testing.assert_close(losses.saturating_g(fake), (1 - fake.sigmoid()).log().mean())
    torch.testing.assert_close(losses.kl_g(fake), -fake.mean())


def test_least_squares_is_zero_at_its_targets_and_a_quarter_between():
    assert losses.least_squares_d(torch.ones(4), torch.zeros(4)) == 0
    assert losses.least_squares_g(torch.ones(4)) == 0
    assert losses.least_squares_d(torch.full((4,), 0.5), torch.full((4,), 0.5)) == 0.25


def test_hinge_ignores_scores_beyond_the_margin():
    real, fake = torch.tensor([2.0, 0.5], requires_grad=True), torch.tensor([-2.0, 0.5], requires_grad=True)
    loss = losses.hinge_d(real, fake)
    loss.backward()
    assert loss.item() == pytest.approx(0.25 + 0.75)
    assert real.grad.tolist() == [0, -0.5]
    assert fake.grad.tolist() == [0, 0.5]


def test_wasserstein_is_the_difference_of_means():
    real, fake = SCORES
    assert losses.wasserstein_d(real, fake).item() == pytest.approx(1.0)
    torch.testing.assert_close(losses.wasserstein_g(fake), -fake.mean())


@pytest.mark.parametrize("d_loss", [losses.vanilla_d, losses.least_squares_d, losses.hinge_d, losses.wasserstein_d])
def test_d_pushes_reals_up_and_fakes_down(d_loss):
    real, fake = torch.full((4,), 0.3, requires_grad=True), torch.full((4,), 0.4, requires_grad=True)
    d_loss(real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()


@pytest.mark.parametrize(
    "g_loss", [losses.non_saturating_g, losses.saturating_g, losses.kl_g, losses.least_squares_g, losses.wasserstein_g]
)
def test_g_pushes_its_scores_up(g_loss):
    fake = torch.full((4,), 0.4, requires_grad=True)
    g_loss(fake).backward()
    assert (fake.grad < 0).all()
