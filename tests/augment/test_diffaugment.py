"""Each change against a reference that takes one image after the other, pixel by pixel or with numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn

from gan_lab import penalties
from gan_lab.augment import diffaugment
from gan_lab.augment.diffaugment import DiffAugment
from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.rng import StepRNG
from gan_lab.training.build import build
from tests.tiny import fit, tiny

SIZES = [(8, 8), (9, 13), (32, 16)]
OPERATIONS = ("color", "translation", "cutout", "flip")
LARGEST = 1 - 2**-24  # of uniform float32 numbers


def images(n=5, channels=3, height=8, width=8, dtype=torch.float64):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(3), dtype=dtype) * 2 - 1


def uniform(n=5, seed=0):
    return torch.rand(n, generator=torch.Generator().manual_seed(seed))


def only(*names):
    return DiffAugment(**{name: name in names for name in OPERATIONS})


# ----- colour -----------------------------------------------------------------------------------------------------------


def test_brightness_adds_one_number_to_an_image():
    x, u = images(), torch.tensor([0.0, 0.25, 0.5, 0.75, LARGEST])
    added = diffaugment.brightness(x, u) - x
    for image, expected in zip(added, [-0.5, -0.25, 0.0, 0.25, 0.5], strict=True):
        torch.testing.assert_close(image, torch.full_like(image, expected), rtol=0, atol=1e-6)


def test_saturation_moves_pixels_along_their_distance_from_grey():
    x, u = images(), torch.tensor([0.0, 0.25, 0.5, 0.75, LARGEST])
    for before, after, factor in zip(x, diffaugment.saturation(x, u), [0.0, 0.5, 1.0, 1.5, 2.0], strict=True):
        for i in range(8):
            for j in range(8):
                grey = sum(before[:, i, j].tolist()) / 3
                expected = [grey + factor * (value - grey) for value in before[:, i, j].tolist()]
                assert after[:, i, j].tolist() == pytest.approx(expected, abs=1e-6)


def test_contrast_moves_pixels_along_their_distance_from_the_images_mean():
    x, u = images(), torch.tensor([0.0, 0.25, 0.5, 0.75, LARGEST])
    for before, after, factor in zip(x, diffaugment.contrast(x, u), [0.5, 0.75, 1.0, 1.25, 1.5], strict=True):
        mean = math.fsum(before.flatten().tolist()) / before.numel()
        torch.testing.assert_close(after, mean + factor * (before - mean), rtol=0, atol=1e-6)


def test_on_one_channel_saturation_changes_nothing():
    x = images(channels=1)
    torch.testing.assert_close(diffaugment.saturation(x, uniform()), x)


# ----- place ------------------------------------------------------------------------------------------------------------


def shifted(image, down, right):
    """The image shifted by whole pixels, zeros where nothing comes from."""
    _, height, width = image.shape
    out = torch.zeros_like(image)
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                out[:, i, j] = image[:, i - down, j - right]
    return out


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_translation_shifts_by_whole_pixels_and_zeros_enter(channels, height, width):
    x, u, v = images(9, channels, height, width), uniform(9), uniform(9, 1)
    farthest = [round(size / 8 + 1e-9) for size in (height, width)]
    for before, after, *draws in zip(x, diffaugment.translation(x, u, v), u.tolist(), v.tolist(), strict=True):
        down, right = (math.floor(draw * (2 * most + 1)) - most for draw, most in zip(draws, farthest, strict=True))
        assert torch.equal(after, shifted(before, down, right))


def test_the_farthest_shift_is_an_eighth_and_all_shifts_are_as_likely():
    x = torch.zeros(3000, 1, 32, 32)
    x[:, :, 16, 16] = 1
    places = diffaugment.translation(x, uniform(3000), uniform(3000, 1)).flatten(1).argmax(1)
    for shift in (places // 32 - 16, places % 32 - 16):
        counts = torch.bincount(shift + 4, minlength=9)
        assert len(counts) == 9
        assert counts.min() > 3000 / 9 * 0.8


def test_on_average_translation_lets_in_as_much_zero_as_its_shifts_say():
    """Of n rows a shift by s keeps n - |s|; both ways, over -4 to 4 of 32 pixels, (1 - 20 / 9 / 32)^2 is left."""
    x = torch.ones(20000, 1, 32, 32)
    kept = diffaugment.translation(x, uniform(20000), uniform(20000, 1)).mean().item()
    assert kept == pytest.approx((1 - 20 / 9 / 32) ** 2, rel=2e-3)


@pytest.mark.parametrize("draw", [0.0, LARGEST])
def test_the_extreme_draws_are_the_farthest_shifts_and_stay_within_the_image(draw):
    x, u = images(1, 1), torch.tensor([draw])
    far = 1 if draw else -1
    assert torch.equal(diffaugment.translation(x, u, u)[0], shifted(x[0], far, far))
    assert diffaugment.cutout(x, u, u).shape == x.shape


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_cutout_blanks_half_the_height_and_width_around_a_middle_anywhere(channels, height, width):
    x, u, v = images(9, channels, height, width), uniform(9), uniform(9, 1)
    lengths = [int(size / 2 + 0.5) for size in (height, width)]
    for before, after, *draws in zip(x, diffaugment.cutout(x, u, v), u.tolist(), v.tolist(), strict=True):
        expected, starts = before.clone(), []
        for draw, size, length in zip(draws, (height, width), lengths, strict=True):
            starts.append(math.floor(draw * (size + 1 - length % 2)) - length // 2)
        for i in range(max(0, starts[0]), min(height, starts[0] + lengths[0])):
            for j in range(max(0, starts[1]), min(width, starts[1] + lengths[1])):
                expected[:, i, j] = 0
        assert torch.equal(after, expected)


def test_flip_mirrors_half_of_the_images_left_to_right():
    x = images(2)
    assert torch.equal(diffaugment.flip(x, torch.tensor([0.2, 0.7])), torch.stack([x[0].flip(2), x[1]]))


# ----- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_switch_is_one_change_whose_draws_the_others_do_not_move(name):
    x = images(64)
    alone = only(name)(x, StepRNG(0), 0)
    assert not torch.equal(alone, x)
    u = StepRNG(0).uniform(64, 8).unbind(1)
    expected = {
        "color": lambda: diffaugment.contrast(diffaugment.saturation(diffaugment.brightness(x, u[0]), u[1]), u[2]),
        "translation": lambda: diffaugment.translation(x, u[3], u[4]),
        "cutout": lambda: diffaugment.cutout(x, u[5], u[6]),
        "flip": lambda: diffaugment.flip(x, u[7]),
    }
    assert torch.equal(alone, expected[name]())


def test_nothing_is_changed_when_all_is_off():
    x = images()
    assert only()(x, StepRNG(0), 0) is x


def test_images_have_draws_of_their_own_and_the_same_position_gives_the_same():
    x, noise = images(1).expand(16, -1, -1, -1), StepRNG(0, 1)
    first, second = DiffAugment()(x, noise, 0), DiffAugment()(x, noise, 0)
    assert len({tuple(image.flatten().tolist()) for image in torch.cat([first, second])}) == 32
    assert torch.equal(first, DiffAugment()(x, StepRNG(0, 1), 0))


def test_each_of_two_processes_has_its_rows_of_one_draw():
    x = images(4)
    halves = [DiffAugment(flip=True)(x[2 * rank :][:2], StepRNG(0, rank=rank, world_size=2), 0) for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), DiffAugment(flip=True)(x, StepRNG(0), 0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_keeps_shape_and_type_and_takes_any_memory_format(channels, dtype):
    x = images(4, channels, 16, 12, dtype)
    plain = DiffAugment(flip=True)(x, StepRNG(0), 0)
    last = DiffAugment(flip=True)(x.to(memory_format=torch.channels_last), StepRNG(0), 0)
    assert (plain.shape, plain.dtype) == (x.shape, x.dtype)
    torch.testing.assert_close(last, plain)


def test_gradients_agree_with_finite_differences_once_and_twice():
    x = images(2, 2, 8, 8).requires_grad_()

    def augmented(x):
        return DiffAugment(flip=True)(x, StepRNG(0), 0)

    assert torch.autograd.gradcheck(augmented, x)
    assert torch.autograd.gradgradcheck(lambda x: augmented(x).pow(3), x[:1, :1].detach().requires_grad_())


def test_a_pixel_that_is_cut_out_or_leaves_the_frame_has_no_gradient():
    x = images(16).requires_grad_()
    only("translation", "cutout")(x, StepRNG(0), 0).sum().backward()
    assert set(x.grad.unique().tolist()) == {0.0, 1.0}


class Critic(nn.Module):
    """Of augmented images."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 1))

    def forward(self, x, y=None):
        return self.layers(DiffAugment(flip=True)(x, StepRNG(0), 0)).squeeze(1)


def test_a_gradient_penalty_goes_through_it():
    critic = Critic()
    penalties.zero_centred(critic, images(4, dtype=torch.float32)).backward()
    for weight in critic.parameters():
        assert weight.grad is None or weight.grad.isfinite().all()
    assert critic.layers[0].weight.grad.abs().max() > 0


def test_a_gradient_penalty_is_of_images_as_they_were_before_it():
    """D(x) = sum of T(x), without a change of colour: the squared gradient is the number of pixels that are left."""
    augment = only("translation", "cutout")
    x = torch.rand(6, 1, 16, 16) + 1
    left = (augment(x, StepRNG(0), 0) != 0).flatten(1).sum(1)
    norms = penalties.squared_gradient_norm(lambda x, y: augment(x, StepRNG(0), 0).flatten(1).sum(1), x, None)
    assert torch.equal(norms, left.float())


def test_points_are_refused_with_the_remedy():
    with pytest.raises(InputError, match=r"augment=diffaugment.* these data are points: use augment=instance_noise"):
        fit(tiny("data=gaussians", "network=mlp", "augment=diffaugment"))


# ----- chosen -----------------------------------------------------------------------------------------------------------

BOTH = ["model=dcgan", "augment=[diffaugment,instance_noise]"]


class Note(nn.Module):
    """Notes what passes."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images, noise, images_seen):
        self.seen.append((images.detach().clone(), images_seen))
        return images


def test_augmentations_compose_by_name_in_their_order():
    assert list(compose("train", BOTH).augment) == ["diffaugment", "instance_noise"]
    assert compose("train", []).augment == {}


@pytest.mark.slow
def test_both_train_and_change_what_d_learns():
    gans = [fit(tiny(*overrides, images=8)) for overrides in (BOTH[:1], BOTH, BOTH, [*BOTH, "seed=1"])]
    plain, once, again, other = (gan.discriminator.output.weight for gan in gans)
    assert gans[1].d_steps_done == 2
    assert torch.equal(once, again)
    assert not torch.equal(once, plain)
    assert not torch.equal(once, other)


def test_reals_and_fakes_go_through_it_in_both_steps_and_judging_does_without():
    gan = build(tiny("model=dcgan"))
    note = Note()
    gan.augments["note"] = note
    fit(tiny("model=dcgan", images=8), gan=gan, limit_val_batches=2, val_check_interval=1)
    assert [seen for _, seen in note.seen] == [0, 0, 0, 4, 4, 4]  # D's reals and fakes, G's fakes; none to judge


@pytest.mark.parametrize("penalty", ["r1", "wgan_gp", "[r2,dragan]"])
def test_it_trains_under_gradient_penalties(penalty):
    gan = fit(tiny(*BOTH, f"penalty={penalty}", "network.discriminator.norm=none", images=8))
    assert all(weight.isfinite().all() for weight in gan.parameters())
