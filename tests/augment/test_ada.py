"""The rule in closed form, the transforms as they are drawn (their formulas: test_geometric, test_color), and training."""

import inspect

import pytest
import torch
from torch import nn

from gan_lab import penalties
from gan_lab.augment.ada import ADA
from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.rng import StepRNG
from gan_lab.run_folder import read_rows
from gan_lab.schedules import Cosine
from gan_lab.training.build import build
from gan_lab.training.checked_gan import Snapshots
from gan_lab.training.short_run import equal
from tests.tiny import TINY, fit, tiny, train_into
from tests.toy import Watch

TRANSFORMS = [name for name, option in inspect.signature(ADA).parameters.items() if option.default in (0.0, 1.0)]


def images(n=6, channels=3, size=8, dtype=torch.float64):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(3), dtype=dtype) * 2 - 1


def only(*names, p=1.0):
    return ADA(p=p, **{name: float(name in names) for name in TRANSFORMS})


# ----- p -----------------------------------------------------------------------------------------------------------------


def observe(ada, *signs):
    """Show the logits of one step; return p."""
    return ada.observe(torch.tensor(signs) * 0.3, 0)["p"].item()


def test_p_rises_by_the_images_of_an_interval_where_the_mean_sign_is_above_the_target_and_falls_below_it():
    ada = ADA(target=0.5, interval=2, speed_kimg=0.1)
    rise = 8 / 100
    assert observe(ada, 1, 1, 1, 1) == 0
    assert observe(ada, 1, 1, -1, 1) == pytest.approx(rise)  # mean 0.75
    assert observe(ada, 1, 1, 1, 1) == pytest.approx(rise)
    assert observe(ada, 1, 1, 1, 1) == pytest.approx(2 * rise)
    for _ in range(3):
        p = observe(ada, 1, 1, 1, -1), observe(ada, -1, 1, 1, 1)  # mean 0.5: at the target
    assert p == pytest.approx((2 * rise, 2 * rise))
    observe(ada, 1, -1, 1, 1)
    assert observe(ada, 1, -1, 1, -1) == pytest.approx(rise)  # mean 0.25
    for _ in range(6):
        p = observe(ada, -1, -1, -1, -1)
    assert p == 0  # and not below


def test_a_logit_of_0_has_no_sign_and_a_fixed_p_does_not_move():
    ada = ADA(target=0.1, interval=1, speed_kimg=0.1)
    assert observe(ada, 0, 0, 0, 0) == 0
    assert observe(ada, 1, 0, 0, 0) == pytest.approx(0.04)
    fixed = ADA(p=Cosine(last_image=1000, start=0.0, end=0.4))
    seen = [(fixed(images(), StepRNG(0), now), observe(fixed, 1, 1))[1] for now in (0, 250, 500, 2000)]
    assert seen == pytest.approx([0, 0.2 * (1 - 0.5**0.5), 0.2, 0.4])


def test_two_processes_add_up_their_signs(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda seen: seen.add_(torch.tensor([-4.0, 4.0])))
    ada = ADA(target=0.1, interval=1, speed_kimg=0.1)
    assert observe(ada, 1, 1, 1, 1) == 0  # alone it would rise
    assert observe(ada, *[1] * 8) == pytest.approx(12 / 100)  # mean 1/3, of 12 images


# ----- the transforms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_at_p_0_images_are_what_they_are_bit_for_bit_and_at_1_they_keep_shape_and_type(channels, dtype):
    x = images(channels=channels, dtype=torch.float32).to(dtype)
    assert torch.equal(ADA(cutout=1.0)(x, StepRNG(0), 0), x)
    changed = ADA(p=1.0, cutout=1.0)(x, StepRNG(0), 0)
    assert (changed.shape, changed.dtype) == (x.shape, x.dtype)
    assert changed.isfinite().all()
    assert not any(torch.equal(*pair) for pair in zip(changed, x, strict=True))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_transform_has_the_probability_p(name):
    x = images(1, dtype=torch.float32).expand(600, -1, -1, -1)
    changed = (only(name, p=0.4)(x, StepRNG(0), 0) != x).flatten(1).any(1)
    share = {"flip": 0.2, "luma_flip": 0.2, "quarter_turns": 0.3, "shift": 0.3}.get(name, 0.4)
    assert changed.float().mean().item() == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(("first", "second"), [("flip", "hue"), ("quarter_turns", "saturation"), ("stretch", "cutout")])
def test_a_transform_that_is_off_does_not_move_the_draws_of_the_others(first, second):
    x = images()
    both, one_by_one = only(first, second), only(second)(only(first)(x, StepRNG(0), 0), StepRNG(0), 0)
    torch.testing.assert_close(both(x, StepRNG(0), 0), one_by_one)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("flip", lambda x: x.flatten(1).sort(1).values),
        ("quarter_turns", lambda x: x.flatten(1).sort(1).values),
        ("hue", lambda x: x.mean(1)),
        ("saturation", lambda x: x.mean(1)),
        ("luma_flip", lambda x: x.mean(1).abs()),
        ("brightness", lambda x: x - x.mean((1, 2, 3), keepdim=True)),
        ("contrast", lambda x: x / x.flatten(1).norm(dim=1)[:, None, None, None]),
    ],
)
def test_a_transform_keeps_what_it_is_to_keep(name, kept):
    x = images(16)
    torch.testing.assert_close(kept(only(name)(x, StepRNG(0), 0)), kept(x))


def test_a_position_gives_the_same_images_and_each_of_two_processes_its_rows():
    x, whole = images(4), ADA(p=0.8, cutout=1.0)
    once = whole(x, StepRNG(0), 0)
    assert torch.equal(once, whole(x, StepRNG(0), 0))
    assert not torch.equal(once, whole(x, StepRNG(1), 0))
    halves = [whole(x[2 * rank :][:2], StepRNG(0, rank=rank, world_size=2), 0) for rank in (0, 1)]
    torch.testing.assert_close(torch.cat(halves), once, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [*TRANSFORMS, "all"])
def test_r1_through_each_transform_at_p_1_has_finite_gradients(name):
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 1))
    ada = ADA(p=1.0, cutout=1.0) if name == "all" else only(name)
    penalties.zero_centred(lambda x, y: critic(ada(x, StepRNG(0), 0)).squeeze(1), images(dtype=torch.float32)).backward()
    gradient = critic[0].weight.grad
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_r1_is_of_images_as_they_were_before_it():
    """D(x) = w . T(x), T linear up to a constant: grad D is T's transpose of w, here by its matrix, column by column."""
    ada, w = ADA(p=1.0, cutout=1.0), images(1, 1, 5)
    x = images(1, 1, 5)

    def augmented(x):
        return ada(x, StepRNG(4), 0)

    columns = [(augmented(x + d.view(x.shape)) - augmented(x)).flatten() for d in torch.eye(25, dtype=x.dtype)]
    expected = (torch.stack(columns) @ w.flatten()).square().sum()
    norm = penalties.squared_gradient_norm(lambda x, y: (augmented(x) * w).flatten(1).sum(1), x, None)
    torch.testing.assert_close(norm[0], expected)


def test_autocast_does_not_reach_it():
    x = images(dtype=torch.float32)
    plain = ADA(p=1.0)(x, StepRNG(0), 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(ADA(p=1.0)(x, StepRNG(0), 0), plain)


@pytest.mark.parametrize(("shape", "kind"), [((2, 1, 1), "points"), ((2, 9), "signals or vectors"), ((5,), "signals or vec")])
def test_what_has_no_pixels_is_refused_with_the_remedy(shape, kind):
    with pytest.raises(InputError, match=rf"augment=ada.* these data are {kind}.*: use augment=instance_noise"):
        ADA()(torch.zeros(4, *shape), StepRNG(0), 0)


# ----- in training -------------------------------------------------------------------------------------------------------

FAST = ["model=dcgan", "augment=ada", "augment.ada.speed_kimg=0.05", "augment.ada.interval=3", "augment.ada.target=0.0"]


def p_of(gan):
    return gan.augments["ada"].p.item()


@pytest.mark.slow
def test_it_follows_ds_logits_of_all_parts_of_a_batch_from_the_decision_threshold():
    watch = Watch(lambda gan: (gan.tracked["real_logits"] - (gan.decision_threshold or 0.0), gan.tracked["ada_p"].item()))
    for model in ("dcgan", "lsgan"):
        fit(tiny(*FAST, f"model={model}", "accumulate=2", "optimizer.d.lr=0.01"), watch)
        seen, expected = watch.seen[-12:], 0.0
        for step, (logits, p) in enumerate(seen, 1):
            if step % 3 == 0:
                signs = torch.cat([logits for logits, _ in seen[step - 3 : step]]).sign()
                assert len(signs) == 12
                expected = max(0.0, expected + signs.mean().sign().item() * 12 / 50)
            assert p == pytest.approx(expected)
        assert len({p for _, p in seen}) > 1


def test_a_run_resumed_within_an_interval_equals_an_undisturbed_one(tmp_path):
    cfg = tiny(*FAST, "augment.ada.target=-1.0", "penalty=r1", "network=mlp", "network.generator.width=[8]")
    whole = fit(cfg, Snapshots(tmp_path, [20]))
    assert p_of(whole) == pytest.approx(48 / 50)
    assert equal(whole, fit(cfg, ckpt_path=tmp_path / "20.ckpt"))


@pytest.mark.slow
def test_its_p_is_logged_beside_the_losses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = read_rows(train_into(tmp_path / "run", *TINY, *FAST, "augment.ada.target=-1.0") / "metrics.csv")
    assert next(row["ada_p"] for row in rows if "ada_p" in row) == pytest.approx(12 / 50 / 2)  # the mean of 0, 0, 0.24, 0.24


def test_logits_without_an_origin_are_warned_of_unless_p_is_fixed(recwarn):
    build(tiny("model=wgan", "augment=ada", "augment.ada.p=0.3"))
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"have no origin in this model: fix its probability, as augment\.ada\.p=0\.3"):
        build(tiny("model=wgan", "augment=ada"))


def test_r3gans_schedule_follows_its_burn_in_and_colours_are_half_as_likely():
    cfg = compose("train", ["model=r3gan", "augment=r3gan", "model.burn_in_images=1000"])
    ada = build(cfg).augments["ada"]
    assert [ada.fixed(images) for images in (0, 500, 1000)] == pytest.approx([0, 0.275, 0.55])
    assert ada.factors.tolist() == [1, 1, 1, *[0.5] * 5, 1, 1, 1, 1]
