"""BEGAN (Berthelot 2017, https://arxiv.org/abs/1703.10717): D is an autoencoder, and its balance k is state."""

import pytest

from tests.stranger.lab import OWN, TINY

MODEL = """
    import torch
    from torch import nn

    from gan_lab.model.gan import GAN


    class BEGAN(GAN):
        decision_threshold = None  # the logits are distances

        def __init__(self, *args, gamma, k_rate, **kwargs):
            super().__init__(*args, **kwargs)
            self.gamma, self.k_rate = gamma, k_rate
            self.register_buffer("k", torch.zeros(()))

        def discriminator_loss(self, batch):
            return -batch.real_logits.mean() + self.k * batch.fake_logits.mean()

        def generator_loss(self, batch):
            return -batch.fake_logits.mean()

        def end_step(self, batch_size, g_stepped):
            error = self.gamma * -self.tracked["real_logits"].mean() - self.tracked["g_loss"]
            self.k.add_(self.k_rate * error).clamp_(0, 1)
            super().end_step(batch_size, g_stepped)  # which makes the buffers of all processes equal


    class Autoencoder(nn.Module):
        def __init__(self, channels, image_size, width):
            super().__init__()
            size = channels * image_size**2
            self.code = nn.Sequential(nn.Flatten(), nn.Linear(size, width), nn.ELU(), nn.Linear(width, size))

        def features(self, x, y=None):
            return x.flatten(1) - self.code(x)

        def head(self, features, y=None):
            return -features.abs().mean(1)

        def forward(self, x, y=None):
            return self.head(self.features(x, y), y)
"""
CONF = """
    defaults: [gan, _self_]
    _target_: my_began.BEGAN
    gamma: 1.5
    k_rate: 0.1
"""
NETWORK = """
    generator:
      _target_: gan_lab.network.mlp.Generator
      latent_dim: 8
      channels: ${data.channels}
      image_size: ${data.image_size}
      width: 8
    discriminator:
      _target_: my_began.Autoencoder
      channels: ${data.channels}
      image_size: ${data.image_size}
      width: 8
"""
BEGAN = [*TINY, "model=my_began", "network=my_autoencoder", *OWN]


@pytest.fixture
def began(lab):
    lab.write(my_began=MODEL, conf__model__my_began=CONF, conf__network__my_autoencoder=NETWORK)
    return lab


def test_k_moves(began):
    began.train(*BEGAN)
    assert 0 < began.load().k.item() < 1


@pytest.mark.slow
def test_a_resumed_run_has_it_again(began, capsys):
    began.check(*BEGAN, "only=resume")
    assert "equal bit for bit" in capsys.readouterr().out
