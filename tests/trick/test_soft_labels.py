import math

import lightning as L
import pytest
import torch
from hydra.utils import get_class

from gan_lab import losses
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext
from gan_lab.rng import StepRNG
from gan_lab.training.build import build
from gan_lab.trick.soft_labels import SoftLabels
from tests.tiny import EVERY_MODEL, fit, tiny

N = 4000


def targets(trick, seed=0):
    """Of N reals and of N fakes."""
    noise = StepRNG(seed)
    return trick.targets(torch.ones(N), True, noise), trick.targets(torch.zeros(N), False, noise)


def test_equal_ends_fix_the_targets_and_only_reals_are_smoothed_by_default():
    real, fake = targets(SoftLabels())
    assert torch.equal(real, torch.full((N,), 0.9))
    assert torch.equal(fake, torch.zeros(N))


def test_a_range_is_filled_evenly_and_anew_at_each_step():
    real, fake = targets(SoftLabels([0.7, 1.2], [0.0, 0.3]))
    for drawn, low, high in ((real, 0.7, 1.2), (fake, 0.0, 0.3)):
        assert low <= drawn.min() < drawn.max() <= high
        assert drawn.mean() == pytest.approx((low + high) / 2, abs=0.01)
        assert drawn.std() == pytest.approx((high - low) / math.sqrt(12), abs=0.01)
    assert abs(torch.corrcoef(torch.stack([real, fake]))[0, 1]) < 0.06
    assert not torch.equal(real, targets(SoftLabels([0.7, 1.2]), seed=1)[0])


@pytest.mark.parametrize("flip", [0.0, 0.25, 1.0])
def test_a_share_of_the_images_is_given_a_target_of_the_other_kind(flip):
    real, fake = targets(SoftLabels(0.9, 0.1, flip))
    for drawn, own, other in ((real, 0.9, 0.1), (fake, 0.1, 0.9)):
        is_own, is_other = (torch.isclose(drawn, torch.tensor(value)) for value in (own, other))
        assert (is_own | is_other).all()
        assert is_other.float().mean() == pytest.approx(flip, abs=0.03)


def test_a_second_trick_softens_the_targets_of_the_first():
    first = SoftLabels(0.9, 0.1)
    second = SoftLabels(0.8, 0.0)
    soft = second.targets(first.targets(torch.ones(3), True, StepRNG(0)), True, StepRNG(1))
    torch.testing.assert_close(soft, torch.full((3,), 0.9 * 0.8))


def test_ds_loss_is_least_where_d_says_the_target():
    gan = build(tiny("model=gan", "trick=soft_labels"))

    def loss(real_score, fake_score):
        scores = torch.tensor([real_score]), torch.tensor([fake_score])
        return gan.discriminator_loss(Batch(*scores, None, None, lambda x, y: x, StepContext(StepRNG(0)))).item()

    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert loss(math.log(9), -50.0) == pytest.approx(entropy, abs=1e-6)  # sigma(log 9) = 0.9
    assert loss(0.0, 0.0) == pytest.approx(2 * math.log(2))
    assert all(loss(math.log(9) + off, -50.0) > entropy + 1e-3 for off in (-0.5, 0.5))


def test_gs_loss_keeps_its_targets():
    gan = build(tiny("model=gan", "trick=soft_labels", "trick.soft_labels.flip=1"))
    batch = Batch(torch.zeros(2), torch.zeros(2), None, None, lambda x, y: x + 1.5, StepContext(StepRNG(0)))
    assert gan.generator_loss(batch) == losses.non_saturating_g(torch.tensor([1.5, 1.5]))


class FirstStep(L.Callback):
    def on_train_batch_end(self, trainer, gan, *args):
        self.tracked = dict(gan.tracked)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_each_model_compares_scores_with_them_or_refuses_them_with_models_that_do(model):
    cfg, step = tiny(f"model={model}", "trick=soft_labels", "trick.soft_labels.fake=0.2", images=4), FirstStep()
    if not get_class(cfg.model._target_).takes_targets:
        with pytest.raises(
            InputError, match=r"trick=soft_labels .* use a model that has them, such as model=gan, dcgan, cgan or"
        ):
            build(cfg)
        return
    fit(cfg, step)
    real, fake = step.tracked["real_logits"], step.tracked["fake_logits"]
    expected = losses.vanilla_d(real, fake, torch.full_like(real, 0.9), torch.full_like(fake, 0.2))
    torch.testing.assert_close(step.tracked["d_loss"], expected)


@pytest.mark.parametrize("model", ["gan", "dcgan", "cgan", "unrolled"])
def test_the_models_that_the_refusal_names_take_them(model):
    assert "soft_labels" in build(tiny(f"model={model}", "trick=soft_labels")).tricks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"real": 1.2}, r"real=1.2: give a number from 0 to 1, or \[LOW, HIGH\]"),
        ({"real": [1.2, 0.7]}, "real="),
        ({"real": [0.9, 1.3]}, "mean from 0 to 1"),
        ({"fake": [-0.3, 0.1]}, "fake="),
        ({"flip": 1.5}, "flip=1.5 is no chance"),
    ],
)
def test_targets_that_no_loss_could_reach_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SoftLabels(**options)
