import pytest
import torch
from torch import nn

from gan_lab import penalties
from gan_lab.batch import Batch
from gan_lab.errors import InputError
from gan_lab.noise import Noise
from gan_lab.schedules import Linear

WEIGHT = torch.tensor([3.0, 4.0])


class LinearCritic(nn.Module):
    def __init__(self, weight=WEIGHT):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, x, y=None):
        return x.flatten(1) @ self.weight


class CurvedCritic(nn.Module):
    """D(x) = |x|^2 / 2 a: its gradient is a x."""

    def __init__(self, a=1.0):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, x, y=None):
        return self.a * x.flatten(1).square().sum(1) / 2


def points(n=6, seed=0):
    return torch.randn(n, 2, 1, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(n=6, step=0, images_seen=0, dtype=torch.float32):
    real, fake = points(n).to(dtype), points(n, 1).to(dtype)
    return Batch(real, fake, None, None, None, Noise(0, step), images_seen, step)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_linear_critic_has_the_norm_of_its_weight_whatever_the_batch(n):
    x = points(n).float()
    assert penalties.zero_centred(LinearCritic(), x).item() == pytest.approx(25)
    assert penalties.gradient_penalty(LinearCritic(), x).item() == pytest.approx(16)
    assert penalties.gradient_penalty(LinearCritic(), x, target=0).item() == pytest.approx(25)


def test_the_one_sided_penalty_leaves_small_norms_free():
    x, gentle = points().float(), LinearCritic(WEIGHT / 10)
    assert penalties.gradient_penalty(gentle, x, one_sided=True).item() == 0
    assert penalties.gradient_penalty(gentle, x).item() == pytest.approx(0.25)
    assert penalties.gradient_penalty(LinearCritic(), x, one_sided=True).item() == pytest.approx(16)


def test_r1_looks_at_reals_and_r2_at_fakes():
    b, critic = batch(dtype=torch.float64), CurvedCritic(2.0)
    expected = [4 * x.flatten(1).square().sum(1).mean().item() / 2 for x in (b.real, b.fake)]
    assert penalties.R1(1.0)(critic, b).item() == pytest.approx(expected[0])
    assert penalties.R2(1.0)(critic, b).item() == pytest.approx(expected[1])


def test_interpolates_lie_between_with_one_weight_per_image():
    real, fake, mix = torch.zeros(3, 2, 4, 4), torch.ones(3, 2, 4, 4), torch.tensor([0.0, 0.25, 1.0])
    x = penalties.interpolate(real, fake, mix)
    assert [sorted(set(image.flatten().tolist())) for image in x] == [[0.0], [0.25], [1.0]]


def test_dragan_stays_within_its_spread_of_the_data():
    seen = []

    def critic(x, y):
        seen.append(x)
        return x.flatten(1).sum(1)

    b = batch(64)
    penalties.Dragan(spread=0.5)(critic, b)
    shift = (seen[0] - b.real).detach()
    assert 0.4 < (shift.abs().max() / b.real.std()).item() <= 0.5
    assert abs(shift.mean().item()) < 0.1 * b.real.std().item()


@pytest.mark.parametrize(
    "penalty",
    [
        penalties.GradientPenalty(),
        penalties.GradientPenalty(target=0.0),
        penalties.R1(1.0),
        penalties.R2(1.0),
        penalties.Dragan(),
    ],
)
def test_the_gradient_in_ds_weights_agrees_with_finite_differences(penalty):
    def value(a):
        return penalty(CurvedCritic(a), batch(dtype=torch.float64))

    critic = CurvedCritic(1.7)
    penalty(critic, batch(dtype=torch.float64)).backward()
    difference = (value(1.7 + 1e-5) - value(1.7 - 1e-5)) / 2e-5
    assert critic.a.grad.item() == pytest.approx(difference.item(), rel=1e-6)
    assert critic.a.grad.abs() > 1e-3


def test_a_flat_critic_gives_finite_gradients():
    critic = LinearCritic(torch.zeros(2))
    penalties.gradient_penalty(critic, points().float()).backward()
    assert critic.weight.grad.isfinite().all()


def test_a_lazy_penalty_counts_ds_steps_and_counts_as_often():
    lazy = penalties.R1(2.0, interval=4)
    assert [lazy.is_due(batch(step=step)) for step in range(9)] == [True, False, False, False] * 2 + [True]
    torch.testing.assert_close(lazy(LinearCritic(), batch()), 4 * penalties.R1(2.0)(LinearCritic(), batch()))


def test_a_weight_may_be_a_schedule_in_images():
    fading = penalties.R1(Linear(last_image=100, start=2.0, end=0.0))
    values = [fading(LinearCritic(), batch(images_seen=seen)).item() for seen in (0, 50, 100)]
    assert values == pytest.approx([25, 12.5, 0])


def test_penalties_are_taken_in_float32_under_autocast():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1), nn.Flatten(0))
    x = points().bfloat16()
    expected = penalties.gradient_penalty(lambda x, y: critic(x), x.float())
    with torch.autocast("cpu", torch.bfloat16):
        measured = penalties.gradient_penalty(lambda x, y: critic(x), x)
    assert measured.dtype == torch.float32
    assert torch.equal(measured, expected)


def test_batch_norm_under_a_gradient_penalty_is_refused_with_the_remedy():
    critic = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    with pytest.raises(InputError, match=r"penalty=r1 .* use network\.discriminator\.norm=layer"):
        penalties.R1(1.0).check("r1", critic)
