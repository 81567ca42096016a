import warnings
from copy import deepcopy

import pytest
import torch
from torch import nn

from gan_lab import logit_penalties
from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext
from gan_lab.network import dcgan
from gan_lab.rng import StepRNG
from gan_lab.schedules import Linear
from gan_lab.training.build import build
from tests.critics import CurvedCritic, LinearCritic, batch, scored
from tests.tiny import fit, tiny

# ----- drift, LeCam -----------------------------------------------------------------------------------------------------


def test_drift_is_the_mean_square_of_the_scores_of_reals():
    assert logit_penalties.Drift()(None, scored([1.0, -3.0], [9.0, 9.0])).item() == pytest.approx(0.001 * 5)


def test_centring_is_the_mean_square_of_the_sums_of_pairs():
    seen = scored([1.0, 2.0], [-1.0, 3.0])
    assert logit_penalties.Centring(0.5)(None, seen).item() == pytest.approx(0.5 * (0 + 25) / 2)


def test_lecam_measures_each_score_from_the_anchor_of_the_other_side():
    lecam = logit_penalties.LeCam(weight=2.0)  # at the first step the anchors are its own means: 2 and -1
    expected = 2 * (((1 + 1) ** 2 + (3 + 1) ** 2) / 2 + ((-2 - 2) ** 2 + (0 - 2) ** 2) / 2)
    assert lecam(None, scored([1.0, 3.0], [-2.0, 0.0])).item() == pytest.approx(expected)


def test_lecams_anchors_are_running_means_without_the_pull_of_a_start_at_zero():
    lecam, weights = logit_penalties.LeCam(decay=0.9), [0.9**3, 0.9**2, 0.9, 1.0]
    means = [(5.0, -1.0), (1.0, 0.0), (2.0, -4.0), (0.5, 3.0)]
    for step, (real, fake) in enumerate(means):
        term = lecam(None, scored([real - 1, real + 1], [fake - 2, fake + 2], step))
    a_real, a_fake = (sum(w * m[side] for w, m in zip(weights, means, strict=True)) / sum(weights) for side in (0, 1))
    expected = ((-0.5 - a_fake) ** 2 + (1.5 - a_fake) ** 2) / 2 + ((1 - a_real) ** 2 + (5 - a_real) ** 2) / 2
    assert term.item() == pytest.approx(0.3 * expected, rel=1e-5)


def test_parts_of_a_step_count_in_lecams_anchors_as_the_whole_step_does():
    whole, parts = (logit_penalties.LeCam(decay=0.5) for _ in range(2))
    for step, scores in enumerate([(1.0, 2.0), (7.0, -4.0)]):
        whole(None, scored(list(scores), list(scores), step))
        for part, score in enumerate(scores):
            parts(None, scored([score], [score], step, part=part))
    torch.testing.assert_close(parts.sums / parts.sums[2], whole.sums / whole.sums[2])


def test_lecam_is_zero_before_its_first_image_but_its_anchors_run():
    late, early = logit_penalties.LeCam(first_image=10), logit_penalties.LeCam()
    for step, seen in enumerate((0, 9, 10)):
        terms = [lecam(None, scored([1.0 + step], [-2.0], step, seen)).item() for lecam in (late, early)]
        assert terms == [0 if seen < 10 else terms[1], terms[1]]
        assert terms[1] > 0


def test_lecams_anchors_are_no_part_of_its_gradient():
    critic = CurvedCritic()
    made = batch(dtype=torch.float64, critic=critic)
    logit_penalties.LeCam(1.0)(critic, made).backward()
    x, fake = (part.flatten(1).square().sum(1) / 2 for part in (made.real, made.fake))  # the scores, and their slopes in a
    expected = 2 * ((x - fake.mean()) * x).mean() + 2 * ((fake - x.mean()) * fake).mean()
    assert critic.a.grad.item() == pytest.approx(expected.item())


def test_lecams_anchors_survive_a_checkpoint():
    first = logit_penalties.LeCam()
    first(None, scored([3.0], [-1.0], 0))
    resumed = logit_penalties.LeCam()
    resumed.load_state_dict(first.state_dict())
    more = scored([1.0], [1.0], 1)
    assert torch.equal(resumed(None, more), first(None, more))
    assert not torch.equal(resumed(None, more), logit_penalties.LeCam()(None, more))


@pytest.mark.parametrize("penalty", [pytest.param("lecam", marks=pytest.mark.slow), "[r1,lecam]"])
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
    bcr = logit_penalties.BCR(augment, weight_real=2.0, weight_fake=3.0)
    assert bcr(critic, made).item() == pytest.approx(2 * 6**2 + 3 * 8**2, rel=1e-5)
    assert [seen for _, seen in augment.seen] == [5, 5]
    assert augment.seen[0][0] is made.real
    assert augment.seen[1][0] is made.fake


def test_bcr_without_a_weight_on_fakes_makes_no_pass_of_them():
    augment, critic = Shift(), LinearCritic()
    made = batch(critic=critic)
    assert logit_penalties.BCR(augment, 1.0, 0.0)(critic, made).item() == pytest.approx(49, rel=1e-5)
    assert [images is made.real for images, _ in augment.seen] == [True]
    assert logit_penalties.BCR(augment, 0.0, 0.0)(critic, made).item() == 0


def test_bcr_hands_each_side_its_labels():
    seen = []

    def critic(x, y):
        seen.append(y.tolist())
        return x.flatten(1).sum(1)

    made = batch(2, critic=critic)
    made.y, made.fake_y = torch.tensor([0, 1]), torch.tensor([2, 3])
    logit_penalties.BCR(Shift())(critic, made)
    assert seen == [[0, 1], [2, 3]] * 2  # the batch's own scores, then those of the augmented


def test_bcrs_weights_may_be_schedules_in_images():
    fading = logit_penalties.BCR(Shift(), Linear(last_image=100), 0.0)
    values = [fading(LinearCritic(), batch(critic=LinearCritic(), images_seen=seen)).item() for seen in (0, 50, 100)]
    assert values == pytest.approx([49, 24.5, 0], rel=1e-5)


def discriminator(dropout):
    torch.manual_seed(0)
    return dcgan.Discriminator(1, 8, width=4, norm="none", dropout=dropout)


def images(critic, n=4):
    real = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(real, -real, None, None, critic, StepContext(StepRNG(0)), features=critic.features, head=critic.head)


def test_dropout_consistency_is_exactly_zero_without_dropout_and_above_zero_with_it():
    penalty = logit_penalties.DropoutConsistency()
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
    values = [logit_penalties.DropoutConsistency(margin=margin)(critic, made).item() for margin in (0.0, 1.0, 100.0)]
    assert values == pytest.approx([2 * sum(per_image) / 2, 2 * (per_image[0] - 1) / 2, 0])


@pytest.mark.parametrize("first", ["real_logits", "real_features"])
def test_dropout_consistency_shares_a_pass_with_the_loss_whichever_is_read_first(first):
    critic, seen = discriminator(0.5), []
    made = images(critic)
    made.features = lambda x, y: seen.append(x) or critic.features(x, y)
    getattr(made, first)
    made.loss = made.real_logits.sum()
    logit_penalties.DropoutConsistency()(critic, made)
    assert len(seen) == 2


def test_a_discriminator_without_dropout_is_not_refused_but_named():
    penalty = logit_penalties.DropoutConsistency()
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
