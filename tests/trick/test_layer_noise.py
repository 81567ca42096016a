from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.training.build import build
from gan_lab.trick.layer_noise import LayerNoise
from tests.tiny import fit, tiny

TRICK = ["model=dcgan", "trick=layer_noise", "network.generator.width=8", "network.discriminator.width=8"]


def spread(gan, generator):
    """How far two passes of the same latents are apart."""
    z = torch.zeros(4, gan.generator.latent_dim)
    return (generator(z) - generator(z)).abs().max().item()


def test_g_is_noisy_in_training_alone_and_its_average_never():
    gan = build(tiny(*TRICK, "trick.layer_noise.std=0.5"))
    assert spread(gan, gan.generator) > 0
    assert spread(gan, gan.generator.eval()) == 0
    assert spread(gan, gan.generator_ema.train()) == 0


def test_the_latents_are_left_alone_and_every_later_layer_has_noise_of_the_given_size():
    gan = build(tiny(*TRICK, "trick.layer_noise.std=0.5"))
    noisy = gan.tricks["layer_noise"].add(gan.generator, (torch.zeros(20000),))
    assert noisy.std() == pytest.approx(0.5, abs=0.02)
    hooked = [len(m._forward_pre_hooks) for m in gan.generator.modules() if hasattr(m, "weight") and m.weight.ndim > 1]
    assert hooked == [0] + [1] * (len(hooked) - 1)
    assert len(hooked) >= 3


def test_it_decays_with_the_images_and_a_resumed_run_knows_it(tmp_path):
    whole = fit(tiny(*TRICK))
    assert whole.tricks["layer_noise"].now.item() == 0
    cfg = tiny(*TRICK)
    cfg.callback.stop_condition.max_images = 24
    half = fit(cfg)
    assert half.tricks["layer_noise"].now.item() == pytest.approx(0.05)
    half.trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed = fit(tiny(*TRICK), ckpt_path=tmp_path / "half.ckpt")
    assert all(torch.equal(a, b) for a, b in zip(whole.generator.parameters(), resumed.generator.parameters(), strict=True))


def test_a_copy_has_its_own():
    gan = build(tiny(*TRICK, "trick.layer_noise.std=0.5"))
    copy = deepcopy(gan)
    gan.tricks["layer_noise"].now.fill_(0)
    assert spread(gan, gan.generator) == 0
    assert spread(copy, copy.generator) > 0


def test_a_generator_without_such_layers_is_refused():
    with pytest.raises(InputError, match="trick=layer_noise finds no layer of torch"):
        LayerNoise(0.1).check("layer_noise", SimpleNamespace(generator=nn.Identity()))
