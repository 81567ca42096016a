import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

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


def softplus(x):
    return math.log1p(math.exp(x))


def test_relativistic_losses_compare_real_i_with_fake_i():
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 5.0])
    assert losses.relativistic_d(real, fake).item() == pytest.approx((softplus(-1) + softplus(3)) / 2)
    assert losses.relativistic_g(real, fake).item() == pytest.approx((softplus(1) + softplus(-3)) / 2)


def test_with_more_fakes_than_reals_each_real_has_the_fakes_that_follow_each_other():
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0, 5.0, -1.0])
    expected = (softplus(1) + softplus(-2) + softplus(-3) + softplus(3)) / 4
    assert losses.relativistic_g(real, fake).item() == pytest.approx(expected)


def test_the_relativistic_average_is_cross_entropy_of_scores_beside_the_others_mean():
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 3.0, 5.0, -1.0])  # means 1.5 and 1.75
    above = torch.tensor([-0.75, 0.25]), torch.tensor([-1.5, 1.5, 3.5, -2.5])
    for loss, targets in ((losses.relativistic_average_d, (1.0, 0.0)), (losses.relativistic_average_g, (0.0, 1.0))):
        expected = sum(binary_cross_entropy_with_logits(x, torch.full_like(x, t)) for x, t in zip(above, targets, strict=True))
        torch.testing.assert_close(loss(real, fake), expected)


RELATIVISTIC = [
    (losses.relativistic_d, losses.relativistic_g, 1),
    (losses.relativistic_average_d, losses.relativistic_average_g, 2),
]


@pytest.mark.parametrize(("d_loss", "g_loss", "halves"), RELATIVISTIC)
def test_relativistic_losses_know_differences_alone_and_mirror_each_other(d_loss, g_loss, halves):
    real, fake = SCORES
    torch.testing.assert_close(d_loss(real + 7, fake + 7), d_loss(real, fake))
    torch.testing.assert_close(g_loss(real, fake), d_loss(fake, real))
    assert d_loss(ZERO, ZERO).item() == pytest.approx(halves * math.log(2))
    assert d_loss(real + 50, fake).item() == pytest.approx(0, abs=1e-9)
    assert g_loss(real + 50, fake).item() == pytest.approx(halves * (real + 50 - fake).mean().item())


@pytest.mark.parametrize(("d_loss", "g_loss", "halves"), RELATIVISTIC)
def test_the_relativistic_g_also_pushes_reals_down(d_loss, g_loss, halves):
    real, fake = torch.full((4,), 0.3, requires_grad=True), torch.full((4,), 0.4, requires_grad=True)
    g_loss(real, fake).backward()
    assert (real.grad > 0).all()
    assert (fake.grad < 0).all()


D_LOSSES = [losses.vanilla_d, losses.least_squares_d, losses.hinge_d, losses.wasserstein_d, *(d for d, _, _ in RELATIVISTIC)]


@pytest.mark.parametrize("d_loss", D_LOSSES)
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
