"""BiGAN (Donahue 2017, https://arxiv.org/abs/1605.09782): an encoder beside G, and a D that judges images with their codes."""

from tests.stranger.lab import OWN, TINY

MODEL = """
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    from gan_lab import losses
    from gan_lab.model.base import TrainedNetwork
    from gan_lab.model.gan import GAN


    class BiGAN(GAN):
        def __init__(self, *args, encoder, **kwargs):
            super().__init__(*args, **kwargs)
            self.encoder = encoder

        def trained_networks(self):
            return [*super().trained_networks(), TrainedNetwork("e", self.encoder, self.g_optimizer, "g")]

        def discriminator_batch(self, real, y, step):
            batch = super().discriminator_batch(real, y, step)
            with torch.no_grad():
                batch.y, batch.fake_y = self.encoder(real), batch.z
            return batch

        def generator_batch(self, real, y, step):
            batch = super().generator_batch(real, y, step)
            batch.y, batch.fake_y = self.encoder(real), batch.z
            return batch

        def generator_loss(self, batch):
            return losses.non_saturating_g(batch.fake_logits) + softplus(batch.real_logits).mean()

        def logits(self, images, y=None, step=None):
            return super().logits(images, y if step else self.encoder(images), step)


    class Encoder(nn.Sequential):
        def __init__(self, channels, image_size, latent_dim):
            super().__init__(nn.Flatten(), nn.Linear(channels * image_size**2, latent_dim))


    class JointDiscriminator(nn.Module):
        def __init__(self, channels, image_size, latent_dim, width):
            super().__init__()
            self.hidden = nn.Sequential(nn.Linear(channels * image_size**2 + latent_dim, width), nn.LeakyReLU(0.2))
            self.last = nn.Linear(width, 1)

        def features(self, x, y=None):
            return self.hidden(torch.cat([x.flatten(1), y], 1))

        def head(self, features, y=None):
            return self.last(features).squeeze(1)

        def forward(self, x, y=None):
            return self.head(self.features(x, y), y)
"""
CONF = """
    defaults: [gan, _self_, override /network@_global_.network: my_joint]
    _target_: my_bigan.BiGAN
    encoder:
      _target_: my_bigan.Encoder
      channels: ${data.channels}
      image_size: ${data.image_size}
      latent_dim: ${network.generator.latent_dim}
"""
NETWORK = """
    generator:
      _target_: gan_lab.network.mlp.Generator
      latent_dim: 8
      channels: ${data.channels}
      image_size: ${data.image_size}
      width: 8
    discriminator:
      _target_: my_bigan.JointDiscriminator
      channels: ${data.channels}
      image_size: ${data.image_size}
      latent_dim: ${network.generator.latent_dim}
      width: 8
"""
BIGAN = [*TINY, "model=my_bigan", *OWN]


def test_the_encoder_learns_in_the_step_of_g(lab):
    lab.write(my_bigan=MODEL, conf__model__my_bigan=CONF, conf__network__my_joint=NETWORK)
    row = lab.train(*BIGAN, "penalty=r1").read_rows()[0]
    assert {"e_gradient_norm", "e_lr", "r1"} <= row.keys()
    lab.check(*BIGAN, "only=steps", "max_images=16")
    gan = lab.load()
    assert gan.generate(gan.encoder(gan.sample(4))).shape == (4, 1, 8, 8)
