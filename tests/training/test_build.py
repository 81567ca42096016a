import pytest
import torch
from hydra.errors import InstantiationException

from gan_lab.errors import InputError
from gan_lab.training.build import build, check_batches, check_clipping
from gan_lab.training.config import check_numbers
from gan_lab.training.short_run import equal
from tests.tiny import CONF, fit, tiny


def optimizers(*overrides):
    return build(tiny(*overrides)).configure_optimizers()


def test_fused_reaches_the_optimizers_that_have_it():
    g, d = optimizers("optimizer=adam_sgd", "speed.fused=true")
    assert g.defaults["fused"] is d.defaults["fused"] is True
    g, d = optimizers("optimizer=rmsprop", "speed.fused=true")
    assert "fused" not in g.defaults
    assert not optimizers("optimizer=adam")[0].defaults["fused"]


def test_channels_last_changes_the_memory_format_and_no_number():
    plain, fast = build(tiny()), build(tiny("speed.channels_last=true"))
    assert equal(plain, fast)
    for gan, last in ((plain, False), (fast, True)):
        for network in (gan.generator, gan.discriminator, gan.generator_ema):
            kernels = [p for p in network.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
            assert kernels
            assert all(p.is_contiguous(memory_format=torch.channels_last) == last for p in kernels)


@pytest.mark.slow
def test_under_a_penalty_only_g_is_compiled_for_d_needs_second_derivatives():
    compiled, penalised = (build(tiny("model=gan", "speed.compile=true", f"penalty={p}")) for p in ("none", "[r1,r2]"))
    assert all(gan.generator._compiled_call_impl is not None for gan in (compiled, penalised))
    assert ["features" in vars(gan.discriminator) for gan in (compiled, penalised)] == [True, False]  # a method, compiled


@pytest.mark.slow
def test_compiling_keeps_the_names_of_the_weights():
    compiled = build(tiny("model=gan", "speed.compile=true"))
    assert equal(compiled, build(tiny("model=gan")))


def test_the_first_weights_depend_on_the_seed_alone_and_the_global_generator_is_left_alone():
    torch.manual_seed(1)
    one, drawn = build(tiny()), torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    assert equal(one, build(tiny()))
    assert not equal(one, build(tiny("seed=1")))


def test_the_average_begins_as_the_generator():
    gan = build(tiny())
    assert equal(gan.generator, gan.generator_ema)
    assert not any(p.requires_grad for p in gan.generator_ema.parameters())


# ----- images that are not square ----------------------------------------------------------------------------------------

WIDE = ["data.image_size=[8,16]"]


@pytest.mark.parametrize("network", sorted(path.stem for path in (CONF / "network").glob("*.yaml")))
def test_a_network_makes_images_that_are_not_square_or_says_which_do(network):
    overrides = ["model=gan", f"network={network}", *WIDE]
    if network in ("dcgan", "resnet", "mlp"):
        gan = build(tiny(*overrides))
        images = gan.sample(2)
        assert images.shape == (2, 1, 8, 16)
        assert gan.logits(images).shape == (2,)
    else:
        expected = "8x16 are not: use network=dcgan, resnet or mlp|not images: use|these data are images: use"
        with pytest.raises((InputError, InstantiationException), match=expected):  # the second as a network's own refusal
            build(tiny(*overrides))


def test_a_square_may_be_given_by_both_sides():
    cfg = tiny("data.image_size=[8,8]", "model=gan", "network=sndcgan")
    check_numbers(cfg)
    assert cfg.data.image_size == 8
    assert build(cfg).sample(1).shape == (1, 1, 8, 8)


@pytest.mark.parametrize("overrides", [
    ["model=wgan_gp", "network=resnet"], ["model=cgan", "network=dcgan"],
    ["model=gan", "network=dcgan", "augment=diffaugment"], ["model=gan", "network=mlp", "augment=ada", "data.channels=4"],
], ids=" ".join)  # fmt: skip
def test_training_on_images_that_are_not_square(overrides):
    gan = fit(tiny(*overrides, "data.image_size=[16,8]", images=8))
    assert gan.images_seen == 8
    assert gan.sample(3).shape[2:] == (16, 8)


def test_networks_that_a_backend_cannot_run_are_refused_in_one_sentence(monkeypatch):
    cfg = tiny("model=dcgan", "trick=replay")

    def fails(self, z, y=None):
        raise RuntimeError("no such primitive\nmore")

    monkeypatch.setattr("gan_lab.network.dcgan.Generator.forward", fails)
    with pytest.raises(InputError, match=r"^the networks cannot run in these sizes: no such primitive$"):
        build(cfg)


def test_batches_of_every_level_of_growth_hold_whole_groups_of_the_minibatch_statistics():
    gan = build(tiny("model=pggan"))
    gan.growth.batch_sizes, gan.accumulate = {8: 16}, 2
    check_batches(gan, 48)
    for first, last in ((12, 16), (48, 12)):  # parts of 6 images
        gan.growth.batch_sizes = {8: last}
        with pytest.raises(InputError, match="groups of 4 divide, and D sees 6 images: choose another data"):
            check_batches(gan, first)
    check_batches(build(tiny("model=dcgan")), 6)


def test_a_limit_of_the_gradient_is_of_a_network_that_the_model_trains():
    check_clipping(build(tiny("model=vae_gan", "+clip_grad_norm.e=1")))
    with pytest.raises(InputError, match=r"clip_grad_norm\.e is of no network that this model trains: it has g, d"):
        check_clipping(build(tiny("model=gan", "+clip_grad_norm.e=1")))
