import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.growth import Level
from gan_lab.training.build import build
from gan_lab.training.config import check_numbers
from tests.tiny import fit, tiny
from tests.toy import Watch

GROWING = ["data.image_size=16", "data.batch_size=8", "model.growth.images_per_level=32"]


def test_defaults_are_those_of_the_paper():
    cfg = compose("train", ["model=pggan"])
    assert set(cfg.penalty) == {"wgan_gp", "drift"}
    assert (cfg.optimizer.g.lr, cfg.optimizer.d.betas, cfg.model.d_steps) == (1e-3, [0.0, 0.99], 1)


def test_networks_and_data_follow_the_images_seen():
    seen = []
    gan = build(tiny("model=pggan", *GROWING, images=80))
    discriminator_batch = gan.discriminator_batch

    def watched(real, y, step):
        batch = discriminator_batch(real, y, step)
        seen.append((gan.images_seen, real.shape[-1], batch.fake.shape[-1], round(gan.generator_ema.level.alpha.item(), 2)))
        return batch

    gan.discriminator_batch = watched
    fit(tiny("model=pggan", *GROWING, images=80), gan=gan)
    assert seen == [
        (0, 4, 4, 1), (8, 4, 4, 1), (16, 8, 8, 0), (24, 8, 8, 0.5), (32, 8, 8, 1),
        (40, 8, 8, 1), (48, 16, 16, 0), (56, 16, 16, 0.5), (64, 16, 16, 1), (72, 16, 16, 1),
    ]  # fmt: skip


def test_a_run_resumed_in_the_middle_of_a_fade_equals_an_undisturbed_one(tmp_path):
    def options(images):
        return tiny("model=pggan", *GROWING, "model.growth.batch_sizes={8: 4}", images=images)

    whole = fit(options(72))
    fit(options(56)).trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed = fit(options(72), ckpt_path=tmp_path / "half.ckpt")
    assert resumed.discriminator.level.resolution == 16
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert a == b if isinstance(a, dict) else torch.equal(a, b), name


def test_a_checkpoint_samples_at_its_level():
    gan = build(tiny("model=pggan", *GROWING))
    other = build(tiny("model=pggan", *GROWING))
    gan.images_seen = 24
    gan.grow()
    other.load_state_dict(gan.state_dict())
    assert other.generator_ema.level.resolution == 8
    assert torch.equal(other.sample(2), gan.sample(2))
    assert gan.sample(2).shape == (2, 1, 16, 16)
    other.images_seen = 8
    with pytest.raises(InputError, match="have grown to 8x8 back to 4x4: leave its options as they were"):
        other.grow()


def test_optimizers_forget_where_a_fade_begins_or_ends():
    steps = Watch(lambda gan: (gan.images_seen, gan.all_optimizers[0].state[gan.generator.dense.weight]["step"].item()))
    fit(tiny("model=pggan", *GROWING, images=64), steps)
    assert steps.seen == [(8, 1), (16, 2), (24, 1), (32, 2), (40, 1), (48, 2), (56, 1), (64, 2)]


@pytest.mark.slow
def test_higher_resolutions_have_smaller_batches_and_other_rates():
    sizes = []
    cfg = tiny(
        "model=pggan", *GROWING, "model.growth.batch_sizes={8: 4, 16: 2}", "model.growth.lr_factors={16: 2.0}", images=64
    )
    gan = build(cfg)
    step = gan.step
    gan.step = lambda real, y: step(real, y) or sizes.append((len(real), gan.all_optimizers[1].param_groups[0]["lr"]))
    watch = Watch(lambda gan: (gan.images_seen, gan.d_steps_done, gan.steps_of_batch))
    fit(cfg, watch, gan=gan)
    assert sizes == [(8, 1e-3)] * 2 + [(4, 1e-3)] * 8 + [(2, 2e-3)] * 8
    assert watch.seen == [(8, 1, 1), (16, 2, 1), (24, 4, 2), (32, 6, 2), (40, 8, 2), (48, 10, 2), (56, 14, 4), (64, 18, 4)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["model.growth.batch_sizes={8: 6}"], r"model.growth.batch_sizes.8=6 does not divide 8"),
        (["model.growth.batch_sizes={8: 4, 16: 8}"], r"model.growth.batch_sizes.16=8 does not divide 4"),
        (["model.growth.batch_sizes={8: 2}", "accumulate=4"], r"batch_sizes.8=2 does not fall into accumulate=4"),
        (["model.growth.batch_sizes={8: 2}", "max_images=null", "max_g_steps=3"], "use max_images"),
    ],
)
def test_batches_that_do_not_divide_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        check_numbers(compose("train", ["model=pggan", "data=fake", "data.batch_size=8", *options]))


def test_networks_that_do_not_grow_are_refused():
    with pytest.raises(InputError, match="use network=pggan or network=stylegan"):
        build(tiny("model=pggan", "network=resnet"))
    with pytest.raises(InputError, match="trick=replay keeps images of one size"):
        build(tiny("model=pggan", "trick=replay"))


def test_any_model_may_grow():
    gan = build(tiny("model=hinge", "+model/growth=doubling", "network=pggan"))
    assert (gan.level, gan.generator.level.resolution) == (Level(4), 4)
