import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.export.generator import exported
from gan_lab.training.build import build
from tests.export.trained import gan_of, inputs
from tests.tiny import tiny


@pytest.mark.parametrize(
    ("options", "truncation"),
    [(["model=stylegan2"], 0.4), (["model=dcgan"], 0.4), (["model=dcgan", "model.standing_batches=2"], None)],
)
def test_images_are_the_gan_s_own(options, truncation):
    gan, artifact = gan_of(*options)
    if hasattr(gan.generator_ema, "mapping"):
        nn.init.ones_(gan.generator_ema.mapping.mean)
    given = inputs(gan, 3)
    for ema in (True, False):
        made = exported(gan, artifact.cfg, ema, truncation).generator(**given)
        assert torch.equal(made, gan.generate(**given, ema=ema, truncation=truncation))
    assert artifact.contract.standing_statistics == bool(gan.standing_batches)


def test_the_gan_keeps_its_own_weights():
    gan, artifact = gan_of("model=dcgan")
    nn.init.zeros_(next(artifact.generator.parameters()))
    assert next(gan.generator_ema.parameters()).any()


def test_dropout_in_sampling_is_refused():
    cfg = tiny("model=gan", "network=dcgan", "penalty=none", "network.generator.dropout=0.5", "model.dropout_in_sampling=true")
    with pytest.raises(InputError, match="draws dropout anew for each latent, which no file can hold"):
        exported(build(cfg).eval(), cfg)
