import warnings
from copy import deepcopy

import pytest
import torch
from torch import nn

from gan_lab import penalties
from gan_lab.augment.instance_noise import InstanceNoise
from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext
from gan_lab.network import dcgan
from gan_lab.rng import StepRNG
from gan_lab.schedules import Linear
from gan_lab.training import invariants
from gan_lab.training.build import build
from gan_lab.training.checked_gan import CheckedGAN
from tests.tiny import fit, tiny

WEIGHT = torch.tensor([3.0, 4.0])


class LinearCritic(nn.Module):
    def __init__(self, weight=WEIGHT):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, x, y=None):
        return x.flatten(1) @ self.weight


class CurvedCritic(nn.Module):
    """D(x) = a |x|^2 / 2, the sum of its features: its gradient is a x."""

    def __init__(self, a=1.0, dropout=0.0):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))
        self.dropout = nn.Dropout(dropout)

    def features(self, x, y=None):
        return self.dropout(self.a * x.flatten(1).square() / 2)

    def head(self, features, y=None):
        return features.sum(1)

    def forward(self, x, y=None):
        return self.head(self.features(x, y), y)


def points(n=6, seed=0):
    return torch.randn(n, 2, 1, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(n=6, step=0, images_seen=0, dtype=torch.float32, critic=None):
    real, fake = points(n).to(dtype), points(n, 1).to(dtype)
    parts = (critic.features, critic.head) if hasattr(critic, "head") else (None, None)
    return Batch(real, fake, None, None, critic, StepContext(StepRNG(0, step), images_seen, step), *parts)


def scored(real, fake, step=0, images_seen=0):
    """A batch of these scores."""
    made = batch(len(real), step, images_seen)
    made.__dict__ |= {"real_logits": torch.tensor(real), "fake_logits": torch.tensor(fake)}
    return made


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
    lecam = penalties.LeCam(decay=1.0).double()
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
        penalties.Drift(1.0),
        settled_lecam(),
        penalties.BCR(InstanceNoise(0.5)),
        penalties.DropoutConsistency(),
        penalties.DropoutConsistency(margin=0.1),
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


# ----- drift, LeCam -----------------------------------------------------------------------------------------------------


def test_drift_is_the_mean_square_of_the_scores_of_reals():
    assert penalties.Drift()(None, scored([1.0, -3.0], [9.0, 9.0])).item() == pytest.approx(0.001 * 5)


def test_lecam_measures_each_score_from_the_anchor_of_the_other_side():
    lecam = penalties.LeCam(weight=2.0)  # at the first step the anchors are its own means: 2 and -1
    expected = 2 * (((1 + 1) ** 2 + (3 + 1) ** 2) / 2 + ((-2 - 2) ** 2 + (0 - 2) ** 2) / 2)
    assert lecam(None, scored([1.0, 3.0], [-2.0, 0.0])).item() == pytest.approx(expected)


def test_lecams_anchors_are_running_means_without_the_pull_of_a_start_at_zero():
    lecam, weights = penalties.LeCam(decay=0.9), [0.9**3, 0.9**2, 0.9, 1.0]
    means = [(5.0, -1.0), (1.0, 0.0), (2.0, -4.0), (0.5, 3.0)]
    for step, (real, fake) in enumerate(means):
        term = lecam(None, scored([real - 1, real + 1], [fake - 2, fake + 2], step))
    a_real, a_fake = (sum(w * m[side] for w, m in zip(weights, means, strict=True)) / sum(weights) for side in (0, 1))
    expected = ((-0.5 - a_fake) ** 2 + (1.5 - a_fake) ** 2) / 2 + ((1 - a_real) ** 2 + (5 - a_real) ** 2) / 2
    assert term.item() == pytest.approx(0.3 * expected, rel=1e-5)


def test_parts_of_a_step_count_in_lecams_anchors_as_the_whole_step_does():
    whole, parts = (penalties.LeCam(decay=0.5) for _ in range(2))
    for step, scores in enumerate([(1.0, 2.0), (7.0, -4.0)]):
        whole(None, scored(list(scores), list(scores), step))
        for score in scores:
            parts(None, scored([score], [score], step))
    torch.testing.assert_close(parts.sums / parts.sums[2], whole.sums / whole.sums[2])


def test_lecam_is_zero_before_its_first_image_but_its_anchors_run():
    late, early = penalties.LeCam(first_image=10), penalties.LeCam()
    for step, seen in enumerate((0, 9, 10)):
        terms = [lecam(None, scored([1.0 + step], [-2.0], step, seen)).item() for lecam in (late, early)]
        assert terms == [0 if seen < 10 else terms[1], terms[1]]
        assert terms[1] > 0


def test_lecams_anchors_are_no_part_of_its_gradient():
    critic = CurvedCritic()
    made = batch(dtype=torch.float64, critic=critic)
    penalties.LeCam(1.0)(critic, made).backward()
    x, fake = (part.flatten(1).square().sum(1) / 2 for part in (made.real, made.fake))  # the scores, and their slopes in a
    expected = 2 * ((x - fake.mean()) * x).mean() + 2 * ((fake - x.mean()) * fake).mean()
    assert critic.a.grad.item() == pytest.approx(expected.item())


def test_lecams_anchors_survive_a_checkpoint():
    first = penalties.LeCam()
    first(None, scored([3.0], [-1.0], 0))
    resumed = penalties.LeCam()
    resumed.load_state_dict(first.state_dict())
    more = scored([1.0], [1.0], 1)
    assert torch.equal(resumed(None, more), first(None, more))
    assert not torch.equal(resumed(None, more), penalties.LeCam()(None, more))


@pytest.mark.parametrize("penalty", ["lecam", "[r1,lecam]"])
def test_resuming_with_lecam_equals_an_undisturbed_run(penalty, tmp_path):
    def run(images, **options):
        cfg = tiny("model=gan", f"penalty={penalty}")
        cfg.callback.stop_condition.max_images = images
        return fit(cfg, **options)

    run(20).trainer.save_checkpoint(tmp_path / "half.ckpt")
    whole, resumed = run(48), run(48, ckpt_path=tmp_path / "half.ckpt")
    assert whole.penalties["lecam"].sums[2] > 10  # twelve steps, hardly forgotten
    for name, value in whole.state_dict().items():
        assert not torch.is_tensor(value) or torch.equal(value, resumed.state_dict()[name])


# ----- consistency ------------------------------------------------------------------------------------------------------


class Shift(nn.Module):
    """x + 1, and a note of what came."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images, noise, images_seen):
        self.seen.append((images, images_seen))
        return images + 1


def test_bcr_compares_the_scores_of_the_loss_with_those_of_augmented_images():
    critic = LinearCritic()  # x + 1 is 3 + 4 above x
    made = batch(critic=critic, images_seen=5)
    made.__dict__ |= {"real_logits": critic(made.real) + 1, "fake_logits": critic(made.fake) - 1}
    augment = Shift()
    bcr = penalties.BCR(augment, weight_real=2.0, weight_fake=3.0)
    assert bcr(critic, made).item() == pytest.approx(2 * 6**2 + 3 * 8**2, rel=1e-5)
    assert [seen for _, seen in augment.seen] == [5, 5]
    assert augment.seen[0][0] is made.real
    assert augment.seen[1][0] is made.fake


def test_bcr_without_a_weight_on_fakes_makes_no_pass_of_them():
    augment, critic = Shift(), LinearCritic()
    made = batch(critic=critic)
    assert penalties.BCR(augment, 1.0, 0.0)(critic, made).item() == pytest.approx(49, rel=1e-5)
    assert [images is made.real for images, _ in augment.seen] == [True]
    assert penalties.BCR(augment, 0.0, 0.0)(critic, made).item() == 0


def test_bcr_hands_each_side_its_labels():
    seen = []

    def critic(x, y):
        seen.append(y.tolist())
        return x.flatten(1).sum(1)

    made = batch(2, critic=critic)
    made.y, made.fake_y = torch.tensor([0, 1]), torch.tensor([2, 3])
    penalties.BCR(Shift())(critic, made)
    assert seen == [[0, 1], [2, 3]] * 2  # the batch's own scores, then those of the augmented


def test_bcrs_weights_may_be_schedules_in_images():
    fading = penalties.BCR(Shift(), Linear(last_image=100), 0.0)
    values = [fading(LinearCritic(), batch(critic=LinearCritic(), images_seen=seen)).item() for seen in (0, 50, 100)]
    assert values == pytest.approx([49, 24.5, 0], rel=1e-5)


def discriminator(dropout):
    torch.manual_seed(0)
    return dcgan.Discriminator(1, 8, width=4, norm="none", dropout=dropout)


def images(critic, n=4):
    real = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(real, -real, None, None, critic, StepContext(StepRNG(0)), features=critic.features, head=critic.head)


def test_dropout_consistency_is_exactly_zero_without_dropout_and_above_zero_with_it():
    penalty = penalties.DropoutConsistency()
    for critic in (discriminator(0.0), discriminator(0.5).eval()):
        assert penalty(critic, images(critic)).item() == 0
    critic = discriminator(0.5)
    assert penalty(critic, images(critic)).item() > 0


def test_dropout_consistency_is_the_distance_of_two_passes_beyond_the_margin():
    critic = CurvedCritic()
    made = batch(2, critic=critic)
    made.__dict__["real_features"] = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    made.features = lambda x, y: torch.tensor([[1.0, 5.0], [0.5, 0.0]])
    per_image = [3**2 + 0.1 * 9 / 2, 0.5**2 + 0.1 * 0.25 / 2]
    values = [penalties.DropoutConsistency(margin=margin)(critic, made).item() for margin in (0.0, 1.0, 100.0)]
    assert values == pytest.approx([2 * sum(per_image) / 2, 2 * (per_image[0] - 1) / 2, 0])


@pytest.mark.parametrize("first", ["real_logits", "real_features"])
def test_dropout_consistency_shares_a_pass_with_the_loss_whichever_is_read_first(first):
    critic, seen = discriminator(0.5), []
    made = images(critic)
    made.features = lambda x, y: seen.append(x) or critic.features(x, y)
    getattr(made, first)
    made.loss = made.real_logits.sum()
    penalties.DropoutConsistency()(critic, made)
    assert len(seen) == 2


def test_a_discriminator_without_dropout_is_not_refused_but_named():
    penalty = penalties.DropoutConsistency()
    with pytest.warns(UserWarning, match=r"penalty=ct is 0 without dropout in D: give network\.discriminator\.dropout=0\.5"):
        penalty.check("ct", discriminator(0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        penalty.check("ct", discriminator(0.5))


# ----- chosen together --------------------------------------------------------------------------------------------------


def test_penalties_compose_by_name_beside_a_models_own():
    cfg = compose("train", ["model=wgan_gp", "penalty=[r1,lecam]"])
    assert list(cfg.penalty) == ["r1", "lecam"]
    cfg = compose("train", ["model=wgan_gp", "penalty=[wgan_gp,drift,dropout_consistency]", "penalty.drift.weight=1"])
    assert list(cfg.penalty) == ["wgan_gp", "drift", "dropout_consistency"]
    assert cfg.penalty.drift.weight == 1


NO_BATCH_NORM = ["model=dcgan", "network.discriminator.width=8", "network.generator.width=8", "network.discriminator.norm=none",
                 "network.discriminator.dropout=0.5"]  # fmt: skip


@pytest.mark.parametrize("names", ["r1,lecam", "bcr,drift", "dropout_consistency,wgan_gp", "lecam,bcr"])
def test_penalties_train_together_and_each_is_recorded(names):
    gan = fit(tiny(*NO_BATCH_NORM, f"penalty=[{names}]", images=8))
    for name in names.split(","):
        assert gan.tracked[name].item() > 0


@pytest.mark.parametrize("name", ["bcr", "lecam", "drift", "dropout_consistency"])
def test_each_changes_d_and_neither_it_nor_its_state_is_trained(name):
    plain, penalised = (fit(tiny(*NO_BATCH_NORM, f"penalty={p}", images=8)) for p in ("none", name))
    assert not torch.equal(plain.discriminator.output.weight, penalised.discriminator.output.weight)
    assert not list(penalised.penalties.parameters())


def test_a_lazy_lecam_is_taken_and_moves_its_anchors_at_every_kth_step():
    gan = fit(tiny(*NO_BATCH_NORM, "penalty=lecam", "penalty.lecam.interval=3", images=28))  # seven steps: 0, 3 and 6
    assert gan.penalties["lecam"].sums[2].item() == pytest.approx(1 + 0.99 + 0.99**2)


def test_a_penalty_with_state_can_be_copied():
    gan = build(tiny("penalty=lecam"))
    assert torch.equal(deepcopy(gan).penalties["lecam"].sums, gan.penalties["lecam"].sums)


def test_bcr_on_points_is_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"penalty=bcr.* these data are points: use augment=instance_noise"):
        fit(tiny("data=gaussians", "network=mlp", "penalty=bcr"))


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
def test_a_linear_critics_expected_finite_difference_is_its_squared_norm(penalty, prepared):
    critic, seen = many()
    term = penalty(2.0, estimator="finite_difference")
    if prepared:
        term.prepare(seen)
    error = 25 * (2 / len(seen.real)) ** 0.5  # standard error of the mean of |w|^2 chi^2(1)
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


def test_centring_is_the_mean_square_of_the_sums_of_pairs():
    seen = scored([1.0, 2.0], [-1.0, 3.0])
    assert penalties.Centring(0.5)(None, seen).item() == pytest.approx(0.5 * (0 + 25) / 2)
