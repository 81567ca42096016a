import math

import numpy as np
import pytest
import torch

from gan_lab import losses
from gan_lab.errors import InputError
from gan_lab.model.ccgan import COLUMNS, KEPT, HardVicinity, SoftVicinity, in_columns, pair
from gan_lab.rng import StepRNG
from gan_lab.training.build import build
from tests.tiny import context, fit, tiny

MLP = ["network=mlp", "network.generator.latent_dim=12", "network.generator.width=[8]", "network.discriminator.width=[8]"]


@pytest.fixture
def circle(tmp_path):
    """Ten samples of each of 120 Gaussians on a circle, std 0.02, by angle: the paper's first experiment, labels in degrees."""
    rng, turn = np.random.default_rng(0), np.repeat(np.arange(120) / 120, 10)
    x = np.stack([np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)], 1) + 0.02 * rng.normal(size=(1200, 2))
    np.savez(tmp_path / "circle.npz", x=x.astype("float32"), y=360 * turn)
    return ["model=ccgan", "data=array", f"data.root={tmp_path / 'circle.npz'}", "data.held_out_fraction=0.05"]


# ----- the vicinity ------------------------------------------------------------------------------------------------------


def test_weights_are_those_of_the_paper():
    kappa, distance = 0.05, torch.tensor([0.0, 0.02, 0.05, 0.0501, 0.131])
    assert HardVicinity()(distance / kappa).tolist() == [1, 1, 1, 0, 0]
    nu = 1 / kappa**2
    torch.testing.assert_close(SoftVicinity()(distance / kappa), torch.exp(-nu * distance**2))
    edge = SoftVicinity(least=1e-3).reach * kappa
    assert math.exp(-nu * edge**2) == pytest.approx(1e-3)


def test_the_loss_is_a_mean_of_weighted_logarithms():
    real, fake, w, v = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)).double()
    w, v = w.sigmoid(), v.sigmoid()
    expected = -(w * real.sigmoid().log()).mean() - (v * (1 - fake.sigmoid()).log()).mean()
    torch.testing.assert_close(losses.vicinal_d(real, fake, w, v), expected)
    torch.testing.assert_close(losses.vicinal_d(real, fake, *torch.ones(2, 5)), losses.vanilla_d(real, fake))


def test_a_target_gets_any_real_near_it_with_the_same_chance_or_its_own_without_noise():
    labels = torch.tensor([[0.0], [0.1], [0.2], [0.9]])
    targets = torch.tensor([[0.11], [0.05], [0.6], [0.9]])
    counts = torch.zeros(4, 4)
    for step in range(600):
        found, rows = pair(labels, targets, torch.tensor(0.12), StepRNG(0, step))
        counts[torch.arange(4), rows] += 1
        torch.testing.assert_close(found, torch.tensor([[0.11], [0.05], [0.2], [0.9]]))  # none is near 0.6
    assert (counts > 0).tolist() == [
        [True] * 3 + [False],
        [True] * 2 + [False] * 2,
        [False, False, True, False],
        [False] * 3 + [True],
    ]
    assert (counts[0, :3] - 200).abs().max() < 5 * math.sqrt(600 * 2 / 9)


@pytest.mark.parametrize("vicinity", ["hard", "soft"])
def test_d_judges_reals_and_fakes_at_targets_near_their_labels(circle, vicinity):
    gan = fit(tiny(*circle, *MLP, f"model/vicinity={vicinity}", "data.batch_size=128", images=128))
    kappa = 2 / 119
    assert gan.kappa.item() == pytest.approx(kappa, rel=1e-4)
    assert gan.label_noise.item() == pytest.approx(1.06 * np.std(np.arange(120) / 119) * 1140**-0.2, rel=0.01)
    real, y = gan.trainer.datamodule.first_batch()
    asked = []
    gan.generator.register_forward_hook(lambda module, inputs, output: asked.append(inputs[1]))
    batch = gan.discriminator_batch(real, y, context(gan))
    angle = torch.atan2(batch.real[:, 0], batch.real[:, 1]) % (2 * math.pi) / (2 * math.pi) * 360
    of_real, of_fake = ((labels - batch.y[:, 0]).abs() / (357 * kappa) for labels in (angle, asked[0][:, 0]))
    of_real = torch.minimum(of_real, 360 / (357 * kappa) - of_real)  # it is a circle
    assert torch.equal(batch.y, batch.fake_y)
    assert of_fake.max() <= gan.vicinity.reach + 1e-4
    assert of_real.max() <= gan.vicinity.reach + 0.1 / kappa  # an angle is known to five standard deviations
    assert ((batch.y - y).abs() > 1e-3).any()
    torch.testing.assert_close(batch.fake_weights, gan.vicinity(of_fake), atol=1e-3, rtol=0)
    assert 0 <= batch.y.min() <= batch.y.max() <= 357
    assert torch.equal(batch.y, gan.discriminator_batch(real, y, context(gan)).y)  # a function of the step


# ----- labels ------------------------------------------------------------------------------------------------------------


def test_samples_take_the_labels_of_the_training_set_ascending_along_a_row():
    labels = torch.rand(3000, 1, generator=torch.Generator().manual_seed(0)) ** 3
    found = in_columns(labels).view(-1, COLUMNS)
    assert (found.diff(dim=1) >= 0).all()
    assert found.numel() == KEPT
    assert (found.flatten().sort().values - labels.flatten().quantile(torch.linspace(0, 1, KEPT))).abs().max() < 0.01
    assert in_columns(torch.tensor([[1.0, 5.0], [0.0, 7.0]])).unique(dim=0).tolist() == [[0, 7], [1, 5]]


def test_a_run_learns_the_range_of_the_labels_and_makes_what_is_asked(circle):
    gan = fit(tiny(*circle, *MLP, images=64))
    assert [end.item() for end in gan.label_range] == [0, 357]
    assert gan.embedding.unit(torch.tensor([0.0, 178.5, 357.0])).flatten().tolist() == [0, 0.5, 1]
    assert gan.labels(range(3), classes=["90", 180]).tolist() == [[90], [180], [90]]
    assert not torch.equal(gan.sample(4, classes=[90]), gan.sample(4, classes=[270]))
    assert gan.preview(64).shape == (64, 2)
    with pytest.raises(InputError, match=r"classes=\['north'\]: give conditions of 1 number"):
        gan.sample(4, classes=["north"])
    with pytest.raises(InputError, match=r"classes=\[nan\]: give conditions"):
        gan.sample(4, classes=[math.nan])


def test_classes_are_numbers_too_and_no_labels_are_refused():
    gan = build(tiny("model=ccgan"))
    y = torch.tensor([0, 2, 1, 2])
    torch.testing.assert_close(gan.embedding.unit(y), y[:, None] / 2)
    assert gan.labels(range(KEPT)).unique().tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"^model=ccgan learns from labels, and these data have none: give data=array"):
        build(tiny("model=ccgan", "data.num_classes=null"))


def test_labels_of_two_numbers_need_a_size_of_the_vicinity(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "two.npz", x=rng.normal(size=(40, 3)), y=rng.random((40, 2)))
    two = ["model=ccgan", "data=array", f"data.root={tmp_path / 'two.npz'}", "model/vicinity=hard", "data.batch_size=4", *MLP]
    with pytest.raises(InputError, match=r"labels of 2 numbers have no gaps .*: give model.kappa=0.1"):
        build(tiny(*two))
    gan = fit(tiny(*two, "model.kappa=0.3", "model.label_noise=0.1", images=16))
    assert gan.label_noise.tolist() == pytest.approx([0.1, 0.1])
    assert gan.sample(3, classes=[[0.1, 0.9]]).shape == (3, 3)


# ----- meaning -----------------------------------------------------------------------------------------------------------

FAST = ["data.batch_size=128", "optimizer.g.lr=1e-3", "optimizer.d.lr=1e-3", "network=mlp", "network.generator.latent_dim=12"]


@pytest.mark.slow
@pytest.mark.parametrize("vicinity", [[], ["model/vicinity=hard"], ["model/vicinity=soft"]])
def test_the_circle_is_learned_also_between_the_labels_of_training(circle, vicinity):
    gan = fit(tiny(*circle, *FAST, *vicinity, "network.generator.width=[128,128]",
                   "network.discriminator.width=[128,128]", images=300_000)).eval()  # fmt: skip
    turn = (torch.arange(119).repeat(20) + 0.5) / 120
    made = gan.generate(gan.latent_rows(range(len(turn)), 7), 360 * turn[:, None])
    offset = (made - torch.stack([torch.sin(2 * math.pi * turn), torch.cos(2 * math.pi * turn)], 1)).norm(dim=1)
    share = (offset < 0.08).float().mean().item()  # four standard deviations, as the authors count
    print(f"{vicinity}: {share:.3f} within 0.08, median {offset.median():.4f}")
    assert share > 0.85
