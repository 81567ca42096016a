import pytest
import torch
from torch import nn

from gan_lab import logit_penalties, penalties
from gan_lab.augment.instance_noise import InstanceNoise
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext
from gan_lab.network import dcgan
from gan_lab.rng import StepRNG
from gan_lab.schedules import Linear
from gan_lab.training import invariants
from gan_lab.training.build import build
from gan_lab.training.checked_gan import CheckedGAN
from tests.critics import WEIGHT, CurvedCritic, LinearCritic, batch, points
from tests.tiny import context, fit, tiny


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


def settled_lecam():
    """LeCam with anchors of 1 and -2 that a step hardly moves, as they are no part of its gradient."""
    lecam = logit_penalties.LeCam(decay=1.0).double()
    lecam.sums += torch.tensor([1.0, -2.0, 1.0]) * 1e12
    return lecam


@pytest.mark.parametrize(
    "penalty",
    [
        penalties.GradientPenalty(),
        penalties.GradientPenalty(target=0.0),
        penalties.R1(1.0),
        penalties.R2(1.0),
        penalties.Dragan(),
        logit_penalties.Drift(1.0),
        settled_lecam(),
        logit_penalties.BCR(InstanceNoise(0.5)),
        logit_penalties.DropoutConsistency(),
        logit_penalties.DropoutConsistency(margin=0.1),
    ],
)
def test_the_gradient_in_ds_weights_agrees_with_finite_differences(penalty):
    def value(critic):
        torch.manual_seed(0)  # of dropout
        return penalty(critic, batch(dtype=torch.float64, critic=critic))

    critic = CurvedCritic(1.7, dropout=0.5)
    value(critic).backward()
    difference = (value(CurvedCritic(1.7 + 1e-5, 0.5)) - value(CurvedCritic(1.7 - 1e-5, 0.5))) / 2e-5
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


# ----- |grad D|^2 without second derivatives -----------------------------------------------------------------------------


class LinearPair(LinearCritic):
    """A linear critic with features, as the base calls it."""

    def features(self, x, y=None, offset=None, stride=1):
        return (x if offset is None else torch.cat([x, x[::stride] + offset])).flatten(1)

    def head(self, features, y=None):
        return features @ self.weight.to(features.dtype)


def many(n=20_000):
    critic = LinearPair()
    real = torch.zeros(n, 2, 1, 1)
    return critic, Batch(real, real, None, None, critic, StepContext(StepRNG(0)), critic.features, critic.head)


@pytest.mark.parametrize("penalty", [penalties.R1, penalties.R2])
@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("stride", [1, 4])
def test_a_linear_critics_expected_finite_difference_is_its_squared_norm(penalty, prepared, stride):
    critic, seen = many()
    term = penalty(2.0, estimator="finite_difference", stride=stride)
    if prepared:
        term.prepare(seen)
    error = 25 * (2 / len(seen.real) * stride) ** 0.5  # standard error of the mean of |w|^2 chi^2(1)
    assert term(critic, seen).item() == pytest.approx(25, abs=3 * error)


def test_dragans_finite_difference_has_the_expectation_of_its_term():
    critic, seen = many()
    term = penalties.Dragan(1.0, estimator="finite_difference")
    assert term(critic, seen).item() == pytest.approx((5 - 1) ** 2, abs=3 * 30 / len(seen.real) ** 0.5)


def test_on_a_network_it_is_to_first_order_that_of_double_backward():
    gan = fit(tiny("model=gan", "network.discriminator.norm=none", images=4))
    some = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    real, step = some.repeat(1000, 1, 1, 1), StepContext(StepRNG(0), discriminator=gan.discriminator)
    term = penalties.R1(2.0, estimator="finite_difference", size=1e-3)
    seen = gan.batch(real, real, None, None, None, step)
    term.prepare(seen)
    assert term(gan.logits, seen).item() == pytest.approx(penalties.zero_centred(gan.logits, some).item(), rel=0.1)


def test_d_sees_the_neighbours_in_the_pass_of_its_scores(monkeypatch):
    rows = []
    original = dcgan.Discriminator.features
    monkeypatch.setattr(dcgan.Discriminator, "features", lambda self, x, y=None: rows.append(len(x)) or original(self, x, y))
    options = ["penalty.r1.estimator=finite_difference", "penalty.r2.estimator=finite_difference"]
    gan = fit(tiny("model=dcgan", "network.discriminator.norm=none", "penalty=[r1,r2]", *options, images=8))
    assert rows == [8, 8, 4] * 2  # reals and fakes with theirs, then the fakes of G's step
    assert {"r1", "r2"} <= gan.tracked.keys()


def test_under_mixed_precision_the_pass_is_one_of_its_own_in_float32(monkeypatch):
    kinds = []
    original = dcgan.Discriminator.features
    monkeypatch.setattr(
        dcgan.Discriminator,
        "features",
        lambda self, x, y=None: kinds.append((len(x), torch.is_autocast_enabled("cpu"))) or original(self, x, y),
    )
    options = ["penalty=r1", "penalty.r1.estimator=finite_difference", "trainer.precision=bf16-mixed"]
    fit(tiny("model=dcgan", "network.discriminator.norm=none", *options, images=4))
    assert kinds == [(4, True), (4, True), (8, False), (4, True)]


def test_the_augmented_image_and_its_neighbour_are_augmented_alike():
    gan = build(tiny("model=dcgan", "network.discriminator.norm=none", "augment=diffaugment"))
    seen = []
    gan.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    original = gan.discriminator.features
    gan.discriminator.features = lambda x, y=None: seen.append(x) or original(x, y)
    offset = torch.full((3, 1, 8, 8), 0.5)
    gan.features(torch.randn(3, 1, 8, 8), None, StepContext(StepRNG(0), discriminator=gan.discriminator), offset)
    here, there = seen[0].chunk(2)
    torch.testing.assert_close(there - here, offset)


def test_its_gradient_is_that_of_its_value(tmp_path):
    options = ["penalty=[r1,dragan]", "penalty.r1.estimator=finite_difference", "penalty.dragan.estimator=finite_difference"]
    cfg = tiny("model=gan", "network.discriminator.norm=none", *options)
    assert "r1" in invariants.gradients(CheckedGAN(cfg, tmp_path))


@pytest.mark.parametrize("name", ["r1", "dragan"])
def test_dropout_would_be_taken_for_a_slope_and_is_refused(name):
    choices = ["network=resnet", "network.discriminator.norm=none", f"penalty={name}", "network.discriminator.dropout=0.5"]
    with pytest.raises(InputError, match=r"use network\.discriminator\.dropout=0\.0 or estimator=double_backward"):
        build(tiny("model=gan", *choices, f"penalty.{name}.estimator=finite_difference"))


def test_an_unknown_estimator_is_named():
    with pytest.raises(InputError, match="did you mean 'finite_difference'"):
        penalties.R1(estimator="finite_diference")


@pytest.mark.parametrize("penalty", [penalties.R1, penalties.R2])
@pytest.mark.parametrize("estimator", ["double_backward", "finite_difference"])
@pytest.mark.parametrize("prepared", [True, False])
def test_with_a_stride_the_mean_is_over_every_so_manieth_image(penalty, estimator, prepared):
    critic, rows = LinearPair(), torch.zeros(20_000, 2, 1, 1)
    rows[1::4] = rows[2::4] = rows[3::4] = torch.nan  # would spoil the mean
    seen = Batch(rows, rows, None, None, critic, StepContext(StepRNG(0)), critic.features, critic.head)
    term = penalty(2.0, estimator=estimator, stride=4)
    if prepared:
        term.prepare(seen)
    assert term(critic, seen).item() == pytest.approx(25, abs=3 * 25 * (2 / 5000) ** 0.5)


def test_labels_go_with_the_images_of_a_stride():
    seen = batch(8)
    seen.y = torch.arange(8)
    images, y = seen.images("real", 3)
    assert y.tolist() == [0, 3, 6]
    assert torch.equal(images, seen.real[[0, 3, 6]])


LOGITS = {"bcr": 0.25, "centring": 0.05, "drift": 0.05, "dropout_consistency": 0.15, "lecam": 0.15}
"""Terms of logits, which have their precision. D's gradient is taken in float32, unless its network has bf16 stages."""
QUICK = ("wgan_gp", "bcr")


@pytest.mark.parametrize(
    ("name", "model", "largest"),
    [
        *(pytest.param(name, "hinge", 1e-3 if name == "afm" else 1e-5, marks=() if name in QUICK else pytest.mark.slow)
          for name in ("r1", "r2", "wgan_gp", "dragan", "afm", *LOGITS)),
        pytest.param("r3gan", "r3gan", 0.02, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_in_bf16_its_gradient_is_that_of_float64(name, model, largest):
    dropout = ["network.discriminator.dropout=0.5"] if name == "dropout_consistency" else []
    network = ["network=resnet"] if model == "hinge" else ["model.burn_in_images=1"]
    options = ["data.image_size=16", "data.batch_size=16", "network.generator.width=16", "network.discriminator.width=16"]
    real, fake = (torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1 for seed in (0, 1))

    def gradients(dtype, bf16):
        gan = build(tiny(f"model={model}", *network, f"penalty={name}", *dropout, *options)).to(dtype)
        weights = [weight for weight in gan.discriminator.parameters() if weight.requires_grad]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            torch.manual_seed(0)
            y = torch.arange(16) % 3
            objective = gan.discriminator_objective(gan.batch(real.to(dtype), fake.to(dtype), y, y, None, context(gan)))
        terms = {term: value for term, value in objective.items() if term != "d_loss"}
        made = {
            term: torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True) for term, value in terms.items()
        }
        return {term: torch.cat([g.flatten().double() for g in each if g is not None]) for term, each in made.items()}

    exact, mixed = gradients(torch.float64, False), gradients(torch.float32, True)
    assert exact.keys() == mixed.keys() != set()
    for term, gradient in exact.items():
        assert (mixed[term] - gradient).norm() < LOGITS.get(term, largest) * gradient.norm()
