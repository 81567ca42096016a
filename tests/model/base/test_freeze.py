import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.model.base.freeze import blocks
from gan_lab.training.build import build
from gan_lab.training.checked_gan import CheckedGAN
from gan_lab.training.invariants import INVARIANTS
from tests.tiny import fit, tiny


def names(discriminator):
    return ["+".join(type(part).__name__ for part in block) for block in blocks(discriminator)]


def test_blocks_stand_in_the_order_of_registration_a_norm_with_the_layer_before_it():
    assert names(build(tiny("network=dcgan")).discriminator) == ["Conv2d", "Conv2d+BatchNorm2d", "Linear"]
    growing = ["ModuleList", "HalvingConvs", "EqualizedConv2d", "EqualizedLinear", "EqualizedLinear"]  # lists them itself
    assert names(build(tiny("model=pggan")).discriminator) == growing
    projection = names(build(tiny("model=projection")).discriminator)  # around a discriminator
    assert projection == ["FirstBlock", *["ResidualBlock"] * 3, "ParametrizedLinear", "ParametrizedEmbedding"]


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=dcgan"],
        ["model=wgan", "model.d_steps=1"],
        ["model=unrolled"],
        ["model=r3gan"],
        ["model=sngan", "model.d_steps=1"],
        ["model=dcgan", "optimizer=muon_adam", "clip_grad_norm.d=1.0", "penalty=r1", "network.discriminator.norm=none"],
    ],
    ids=str,
)
def test_frozen_weights_stay_and_need_no_memory_and_all_others_learn(overrides):
    cfg = tiny(*overrides, "model.freeze_d=2", images=8)
    gan, before = fit(cfg), build(cfg)
    assert gan.frozen_weights
    former, memory = dict(before.discriminator.named_parameters()), gan.optimizer_of("d").state
    for name, weight in gan.discriminator.named_parameters():
        is_frozen = name in gan.frozen_weights
        assert torch.equal(former[name], weight) or not is_frozen
        assert (weight not in memory) == is_frozen
    assert not torch.equal(before.discriminator.output.weight, gan.discriminator.output.weight)


def test_the_statistics_of_frozen_layers_go_on():
    cfg = tiny("model=dcgan", "model.freeze_d=2", images=8)
    before, after = (nn.ModuleList(blocks(gan.discriminator)[:2]).state_dict() for gan in (build(cfg), fit(cfg)))
    moved = {name.split(".")[-1] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"running_mean", "running_var", "num_batches_tracked"}


@pytest.mark.parametrize("name", ["steps", "resume", "gradients"])
def test_the_invariants_of_a_gan_hold(tmp_path, name):
    cfg = tiny("model=gan", "network=mlp", "network.generator.norm=none", "network.generator.width=[8]",
               "network.discriminator.width=[8]", "penalty=r1", "model.freeze_d=1", images=32)  # fmt: skip
    assert INVARIANTS[name](CheckedGAN(cfg, tmp_path))


@pytest.mark.parametrize(
    ("network", "n", "remedy"), [("dcgan", 3, "3 blocks: give a number from 0 to 2"), ("dirac", 1, "0 blocks")]
)
def test_too_many_blocks_are_refused(network, n, remedy):
    data = ["data=dirac", "network=dirac"] if network == "dirac" else []
    with pytest.raises(InputError, match=rf"^model\.freeze_d={n} leaves nothing to learn .* has {remedy}"):
        build(tiny(*data, f"model.freeze_d={n}"))
