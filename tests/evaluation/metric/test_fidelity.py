import math
from datetime import timedelta

import pytest
import torch
from lightning.pytorch.plugins.precision import HalfPrecision
from scipy.linalg import sqrtm
from torch import nn

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.digits8 import Digits8
from gan_lab.evaluation.metric.fidelity import Fidelity


class Pixels:
    """Features are the grey levels 0 to 255; logits are ``scale`` where a level is 255 and 0 where it is 0."""

    name, distance_name, score_name, classes_name = "pixels", "fd_pixels", "cs_pixels", "classes_pixels"
    accuracy_name = "accuracy_pixels"
    resize, weights_sha256 = "none", ""

    def __init__(self, dim, scale=1.0, splits=1):
        self.num_features = self.num_classes = dim
        self.scale = scale
        self.score_splits, self.score_std_name = splits, None if splits == 1 else "cs_pixels_std"

    def to(self, device):
        pass

    def __call__(self, images):
        levels = images.flatten(1).double()
        return levels, self.scale * levels / 255


def images(levels):
    """Grey levels (N, d) as images (N, 1, 1, d) in [-1, 1]."""
    return (levels.double() / 127.5 - 1).float()[:, None, None]


def judge(real, fake, scale=1.0, splits=1):
    """The scores of grey levels."""
    metric = Fidelity(Pixels(real.shape[1], scale, splits), "fd_pixels", "min")
    metric.update_reference(images(real))
    metric.update(images(fake))
    return metric.compute()


def levels(n, dim, seed=0, low=60, high=190):
    return torch.randint(low, high, (n, dim), generator=torch.Generator().manual_seed(seed))


def covariance(x):
    return torch.cov(x.double().T)


def noise(n, seed=0):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def scores(real, fake):
    metric = Fidelity(Digits8(), "fd_digits8", "min")
    metric.update_reference(real)
    metric.update(fake)
    return metric.compute()


# ----- Fréchet distance ----------------------------------------------------------------------------------------------


def test_distance_of_a_set_to_itself_is_zero():
    real = levels(200, 8)
    assert judge(real, real)["fd_pixels"] == pytest.approx(0, abs=1e-8)


def test_distance_of_a_shift_is_its_squared_length():
    real, shift = levels(200, 3), torch.tensor([3, -4, 12])
    assert judge(real, real + shift)["fd_pixels"] == pytest.approx(169, rel=1e-9)


def test_distance_of_a_scaling_about_the_mean():
    offset = levels(100, 4, low=-40, high=40)
    offset = torch.cat([offset, -offset])  # mean 0
    expected = covariance(offset).trace().item()  # (2 - 1)^2 tr S
    assert judge(128 + offset, 128 + 2 * offset)["fd_pixels"] == pytest.approx(expected, rel=1e-9)


def test_distance_of_a_linear_map_that_does_not_commute_with_the_covariance():
    offset = levels(100, 2, low=-20, high=20) * torch.tensor([2, 1])
    offset = torch.cat([offset, -offset])
    p = torch.tensor([[2, 1], [1, 2]])  # symmetric and positive: Y = P X is the optimal map
    excess = (p - torch.eye(2)).double()
    expected = (excess @ covariance(offset) @ excess).trace().item()
    assert judge(128 + offset, 128 + offset @ p)["fd_pixels"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [300, 10], ids=["full_rank", "fewer_samples_than_features"])
def test_distance_agrees_with_scipy(n):
    real, fake = levels(n, 24).double(), levels(n, 24, seed=1, low=30, high=250).double()
    root = sqrtm((covariance(real) @ covariance(fake)).numpy())
    expected = (real.mean(0) - fake.mean(0)).square().sum() + covariance(real).trace() + covariance(fake).trace()
    expected = expected.item() - 2 * root.trace().real
    assert judge(real, fake)["fd_pixels"] == pytest.approx(expected, rel=5e-6)


# ----- classifier score ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "scale", "score"),
    [
        (range(10), 1e4, 10),  # sure of each image, all classes alike
        (range(10), 0, 1),  # knows nothing
        ([3], 1e4, 1),  # one class
        (range(5), 400, 5),  # five classes dropped by an overconfident classifier: NaN in torchmetrics alone
    ],
)
def test_score_counts_the_classes(classes, scale, score):
    fake = 255 * torch.eye(10)[list(classes)].repeat(40, 1)
    assert judge(fake, fake, scale)["cs_pixels"] == pytest.approx(score, rel=1e-9)


def test_score_is_the_exponential_of_the_mutual_information():
    fake = levels(300, 10, low=0, high=256)
    p = (5 * fake.double() / 255).softmax(1)
    expected = (p * (p / p.mean(0)).log()).sum(1).mean().exp().item()
    assert judge(fake, fake, scale=5)["cs_pixels"] == pytest.approx(expected, rel=1e-12)


def test_over_splits_it_is_the_mean_and_the_unbiased_deviation():
    fake = levels(95, 6, low=0, high=256)
    scores, rows = judge(fake, fake, scale=9, splits=9), (9 * fake.double() / 255)
    rows = torch.tensor(sorted((rows - rows.amax(1, keepdim=True)).tolist()), dtype=torch.float64)
    p = rows[torch.randperm(95, generator=torch.Generator().manual_seed(0))].softmax(1)
    each = torch.stack([(q * (q / q.mean(0)).log()).sum(1).mean().exp() for q in p.chunk(9)])
    assert len(each) == 9
    assert scores["cs_pixels"] == pytest.approx(each.mean().item(), rel=1e-9)
    assert scores["cs_pixels_std"] == pytest.approx(each.std().item(), rel=1e-9)


def test_over_splits_it_does_not_depend_on_the_order_of_the_images():
    fake = levels(100, 6, low=0, high=256)
    one, other = judge(fake, fake, 9, splits=5), judge(fake, fake[torch.arange(100).flip(0)], 9, splits=5)
    assert one["cs_pixels_std"] == other["cs_pixels_std"] > 0
    assert one["cs_pixels"] == other["cs_pixels"]


@pytest.mark.parametrize(("n", "splits"), [(24, 1), (25, 5)])
def test_there_is_one_split_as_long_as_a_split_would_have_fewer_images_than_there_are_splits(n, splits):
    metric = Fidelity(Pixels(6, 9, splits=5), "fd_pixels", "min")
    metric.update_reference(images(levels(40, 6)))
    metric.update(images(levels(n, 6)))
    assert ("cs_pixels_std" in metric.compute()) == (splits > 1)
    assert metric.protocol()["score_splits"] == splits


def test_an_extractor_of_too_many_classes_does_not_count_them():
    extractor = Pixels(4)
    extractor.classes_name = extractor.accuracy_name = None
    metric = Fidelity(extractor, "fd_pixels", "min")
    metric.update_reference(images(levels(40, 4)))
    metric.update(images(levels(40, 4)))
    assert set(metric.compute()) == set(metric.better) == {"fd_pixels", "cs_pixels"}
    assert metric.protocol()["min_class_share"] is None


def test_a_class_is_present_from_its_share_on():
    fake = 255 * torch.eye(4)[[0] * 359 + [1] * 316 + [2] * 21 + [3] * 4]
    metric = Fidelity(Pixels(4), "classes_pixels", "max", min_class_share=0.03)
    metric.update_reference(images(fake))
    metric.update(images(fake))
    assert metric.compute()["classes_pixels"] == 3
    assert metric.class_shares() == [359 / 700, 316 / 700, 0.03, 4 / 700]


# ----- the traps -----------------------------------------------------------------------------------------------------


def test_images_are_clamped_and_rounded():
    metric, seen = Fidelity(Pixels(7), "fd_pixels", "min"), []
    metric.extractor = lambda x: seen.append(x) or Pixels(7)(x)
    metric.update(torch.tensor([-1.01, -1, -0.999, 0, 0.999, 1, 1.01]).view(1, 1, 1, 7))
    assert seen[0].dtype == torch.uint8
    assert seen[0].flatten().tolist() == [0, 0, 0, 128, 255, 255, 255]


def test_images_that_are_no_numbers_make_scores_that_are():
    fake = noise(20).index_fill(0, torch.arange(5), math.nan)
    assert all(math.isfinite(score) for score in scores(noise(20), fake).values())


def test_the_global_random_state_stays():
    real, fake = noise(20), noise(20, seed=1)
    torch.rand(1)  # away from where a seed inside would lead
    before = torch.get_rng_state()
    scores(real, fake)
    assert torch.equal(torch.get_rng_state(), before)


def test_autocast_changes_nothing():
    real, fake = noise(50), noise(50, seed=1)
    expected = scores(real, fake)
    with torch.autocast("cpu", torch.bfloat16):
        assert scores(real, fake) == expected


def test_a_module_that_holds_it_neither_saves_casts_nor_trains_it():
    owner = nn.Module()
    owner.metric = Fidelity(Digits8(), "fd_digits8", "min")
    owner.train().to(torch.bfloat16)
    assert not owner.state_dict() and not list(owner.parameters())
    real, fake = noise(50), noise(50, seed=1)
    with HalfPrecision("bf16-true").forward_context():  # bfloat16 is the default type
        owner.metric.update_reference(real)
        owner.metric.update(fake)
        inside = owner.metric.compute()
    assert inside == scores(real, fake)


def test_it_may_be_used_in_inference_mode_and_then_outside():
    metric = Fidelity(Pixels(4), "fd_pixels", "min")
    with torch.inference_mode():
        metric.update_reference(images(levels(20, 4)))
        metric.update(images(levels(9, 4)))
        metric.reset()
    metric.update_reference(images(levels(20, 4, seed=1)))
    metric.update(images(levels(20, 4, seed=2)))
    assert metric.compute() == judge(torch.cat([levels(20, 4), levels(20, 4, seed=1)]), levels(20, 4, seed=2))


# ----- the contract --------------------------------------------------------------------------------------------------


def test_the_floor_is_the_score_of_the_held_out_images_and_outlives_a_reset():
    real, held_out, fake = levels(40, 4), levels(30, 4, seed=1), levels(20, 4, seed=2)
    metric = Fidelity(Pixels(4), "fd_pixels", "min")
    metric.update_reference(images(real))
    metric.update_held_out(images(held_out))
    metric.update(images(fake))
    assert metric.floor() == judge(real, held_out)
    metric.reset()
    metric.update(images(held_out))
    assert metric.compute() == metric.floor() == judge(real, held_out)


def test_there_is_no_floor_without_held_out_images():
    assert Fidelity(Pixels(4), "fd_pixels", "min").floor() == {}


def test_the_protocol_names_extractor_and_counts():
    metric = Fidelity(Pixels(4), "fd_pixels", "min")
    metric.update_reference(images(levels(40, 4)))
    metric.update_held_out(images(levels(30, 4)))
    metric.update(images(levels(20, 4)))
    metric.compute(), metric.floor()
    protocol = metric.protocol()
    assert (protocol["extractor"], protocol["n_real"], protocol["n_held_out"], protocol["n_fake"]) == ("pixels", 40, 30, 20)
    assert (protocol["resize"], protocol["score_splits"], protocol["min_class_share"]) == ("none", 1, 0.03)


@pytest.mark.parametrize(("n_real", "n_fake", "singular"), [(5, 5, False), (4, 5, True), (5, 4, True)])
def test_the_protocol_notes_fewer_samples_than_a_covariance_needs(n_real, n_fake, singular):
    metric = Fidelity(Pixels(4), "fd_pixels", "min")
    metric.update_reference(images(levels(n_real, 4)))
    metric.update(images(levels(n_fake, 4)))
    assert math.isfinite(metric.compute()["fd_pixels"])
    note = "fewer than 5 samples: a covariance is singular, so compare the distance with no other"
    assert metric.protocol()["note"] == (note if singular else None)


def test_too_few_samples():
    with pytest.raises(InputError, match="fd_pixels needs 2 training images and 2 samples or more, not 40 and 1"):
        judge(levels(40, 4), levels(1, 4))


def test_an_unknown_primary_score():
    with pytest.raises(InputError, match=r"metric.primary=fd_pixel does not exist.*did you mean 'fd_pixels'"):
        Fidelity(Pixels(4), "fd_pixel", "min")


def test_a_mode_that_would_keep_the_worst():
    with pytest.raises(InputError, match=r"metric\.mode=min would keep the worst cs_pixels: set metric\.mode=max"):
        Fidelity(Pixels(4), "cs_pixels", "min")


def shard(rank, folder):
    """One of two processes: every second image, in other numbers of batches."""
    torch.set_num_threads(1)
    store, minute = f"file://{folder}/store", timedelta(minutes=1)
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2, timeout=minute)
    metric = Fidelity(Pixels(6, scale=9, splits=5), "fd_pixels", "min")
    for batch in images(levels(41, 6))[rank::2].split(20 - 7 * rank):
        metric.update_reference(batch)
    for batch in images(levels(31, 6, seed=1, low=0))[rank::2].split(5 + 4 * rank):
        metric.update(batch)
    with torch.inference_mode():
        torch.save((metric.compute(), metric.class_shares(), metric.protocol()), f"{folder}/{rank}")
    torch.distributed.destroy_process_group()


def test_two_processes_agree_with_one(tmp_path):
    torch.multiprocessing.start_processes(shard, (tmp_path,), nprocs=2, start_method="fork")
    first, second = (torch.load(tmp_path / str(rank), weights_only=True) for rank in range(2))
    expected = judge(levels(41, 6), levels(31, 6, seed=1, low=0), scale=9, splits=5)
    assert first == second
    assert first[0] == pytest.approx(expected, rel=1e-9)
    assert (first[2]["n_real"], first[2]["n_fake"]) == (41, 31)
    assert math.fsum(first[1]) == pytest.approx(1)


# ----- the class asked for ---------------------------------------------------------------------------------------------


def test_accuracy_is_the_share_that_shows_the_class_asked_for_and_left_out_without_labels():
    shown = torch.tensor([0, 1, 2, 2]).repeat(5)
    metric = Fidelity(Pixels(3), "fd_pixels", "min")
    metric.update_reference(images(levels(9, 3)))
    metric.update(images(255 * nn.functional.one_hot(shown, 3)), torch.tensor([0, 1, 2, 0]).repeat(5))
    assert metric.compute()["accuracy_pixels"] == 0.75
    metric.reset()
    metric.update(images(255 * nn.functional.one_hot(shown, 3)))
    assert "accuracy_pixels" not in metric.compute()


def test_the_floor_of_accuracy_is_that_of_held_out_images():
    metric, shown = Fidelity(Pixels(3), "fd_pixels", "min"), torch.tensor([0, 1, 2, 2])
    metric.update_reference(images(levels(9, 3)))
    metric.update_held_out(images(255 * nn.functional.one_hot(shown, 3)), shown)
    assert metric.floor()["accuracy_pixels"] == 1
