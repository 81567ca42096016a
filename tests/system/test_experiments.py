"""Each recipe in conf/experiment composes, says where it comes from, and trains two steps on tiny images."""

import re

import pytest
from omegaconf import OmegaConf

from gan_lab.cli.compose import CONF, compose
from tests.tiny import ALIKE, MODELS, fit, tiny

DATA = {path.stem for path in (CONF / "data").glob("*.yaml")}
NAMES = sorted(path.stem for path in (CONF / "experiment").glob("*_*.yaml"))
FIRST = {name.split("_")[0]: name for name in reversed(NAMES)}.values()
SOME = [pytest.param(name, marks=() if name in FIRST else pytest.mark.slow) for name in NAMES]
"""A recipe of each model: the others are composed and trained for two steps among the slow tests."""
FEW = [name for name in FIRST if name.split("_")[0] not in ALIKE]
"""Those of models that train in a way of their own."""
SMALL = ["data=fake", "data.image_size=8", "data.channels=1", "data.num_classes=3", "data.batch_size=4", "model.d_steps=1",
         "network.generator.width=8", "network.discriminator.width=8"]  # fmt: skip

SMALL_TEXT = ["data=text_lines", "data.length=8", *SMALL[4:]]


@pytest.mark.parametrize("name", NAMES)
def test_its_head_says_command_source_and_numbers(name):
    package, command, source, published, ours, differs, *_ = (CONF / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert package == "# @package _global_"
    assert command == f"# python -m gan_lab.train experiment={name}"
    assert len(source) > 10
    assert published.startswith("# Published: ")
    assert ours.startswith("# Ours: ")
    assert differs.startswith("# Differs: ")


@pytest.mark.parametrize("name", SOME)
def test_it_composes_on_its_own_data(name):
    cfg = compose("train", [f"experiment={name}"], with_hydra=True)
    model, _, words = name.rpartition("_")
    named = {"text": ("text_lines", None)} | {data: (data, 32) for data in DATA}  # data and image size
    data, size = named[words] if words in named else re.fullmatch(r"(\D+)(\d+)", words).groups()
    choices = cfg.hydra.runtime.choices
    assert (choices["model"], choices["data"]) == (model.removesuffix("_ada"), data)
    sizes = {"gan_mnist": 28, "sngan_stl10": 48, "afm_gaussians": 1}
    assert cfg.data.get("image_size") == sizes.get(name, size and int(size))
    assert sum(cfg[length] is not None for length in ("max_images", "max_g_steps")) <= 1


MIMICRY = {"generator.up": "bilinear", "generator.init": "torch_bias", "discriminator.rectify_shortcut": True,
           "discriminator.init": "torch_bias"}  # fmt: skip
CHAINER = {
    "discriminator.slope": 0.2,
    "discriminator.widen": "down",
    "generator.init": "normal",
    "discriminator.init": "normal",
}
STUDIO = {"generator.init": "orthogonal", "discriminator.init": "orthogonal"}
NETWORK_OF_SOURCE = {
    "sngan_stl10": MIMICRY,
    "sngan_celeba64": MIMICRY,
    "sagan_cifar10": STUDIO | {"generator.spectral_tables": True},
    "projection_cifar10": STUDIO,
    "dragan_cifar10": CHAINER,
    "improved_gan_cifar10": CHAINER,
    "wgan_cifar10": CHAINER | {"discriminator.slope": 0.1},
    "dcgan_celeba64": {"generator.init": "normal", "discriminator.init": "normal"},
    "dcgan_cifar10": {"generator.init": "dcgan", "discriminator.init": "dcgan"},
    "wgan_gp_mnist": {"generator.init": "wgan_gp", "discriminator.init": "wgan_gp"},
    "wgan_gp_celeba64": {"generator.init": "wgan_gp", "discriminator.init": None},
}
MODEL_OF_SOURCE = {
    "acgan_cifar10": {"head_init": "normal"},
    "improved_gan_cifar10": {"head_init": "normal"},
    "sagan_cifar10": {"embedding_init": "orthogonal"},
    "projection_cifar10": {"embedding_init": "orthogonal"},
    "biggan_cifar10": {"embedding_init": "orthogonal"},
    "biggan_imagenet128": {"embedding_init": "orthogonal"},
    "ct_gan_cifar10": {"standing_batches": 16},  # the nearest to the statistics of a batch
    "wgan_gp_celeba64": {"standing_batches": 16},
    "pggan_celeba64": {"ema_half_life_kimg": 22.2, "ema_ramp": None},
    "stylegan_celeba64": {"ema_half_life_kimg": 10.0, "ema_ramp": None},
    "r3gan_cifar10": {"burn_in_images": 20_000_000},
}


@pytest.mark.parametrize("name", sorted(NETWORK_OF_SOURCE.keys() | MODEL_OF_SOURCE.keys()))
def test_its_networks_and_their_initial_weights_are_its_sources(name):
    cfg = compose("train", [f"experiment={name}"])
    for part, chosen in ((cfg.network, NETWORK_OF_SOURCE.get(name, {})), (cfg.model, MODEL_OF_SOURCE.get(name, {}))):
        assert {key: OmegaConf.select(part, key, default="absent") for key in chosen} == chosen


def test_r3gan_goes_on_after_its_schedules_as_the_paper_did():
    cfg = compose("train", ["experiment=r3gan_cifar10"])
    assert (cfg.max_images, cfg.penalty.r1.weight.last_image, cfg.schedule.last_image) == (250_000_000, 20_000_000, 20_000_000)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FEW else pytest.mark.slow) for n in NAMES])
def test_it_trains_two_steps(name):
    recipe = OmegaConf.load(CONF / "experiment" / f"{name}.yaml")
    resized = "resize" in (recipe.get("data") or {})  # an option of files, which fake images have not
    small = SMALL_TEXT if name.endswith("_text") else SMALL
    gan = fit(tiny(f"experiment={name}", *small, *(["~data.resize"] if resized else []), images=8))
    assert (gan.d_steps_done, gan.g_steps_done) == (2, 2)


def test_what_a_model_needs_for_the_ring_reaches_it_and_each_of_these_files_is_a_models():
    own = {path.stem for path in (CONF / "experiment" / "ring").glob("*.yaml")}
    assert own < set(MODELS)
    assert compose("train", ["experiment=ring", "model=wgan"]).model.clip == 0.3
    assert compose("train", ["experiment=ring", "model=lsgan"]).max_images == 400_000
