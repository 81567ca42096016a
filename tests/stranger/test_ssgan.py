"""SSGAN (Chen 2019, https://arxiv.org/abs/1811.11212): D also tells by how much an image was turned, with a head of its own."""

from tests.stranger.lab import OWN, SMALL, TINY

MODEL = """
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    from gan_lab.model.base import TrainedNetwork
    from gan_lab.model.gan import GAN


    class SSGAN(GAN):
        def __init__(self, generator, discriminator, *args, d_weight, g_weight, **kwargs):
            super().__init__(generator, discriminator, *args, **kwargs)
            self.rotation_head = nn.Linear(discriminator.num_features, 4)
            self.d_weight, self.g_weight = d_weight, g_weight

        def trained_networks(self):
            head = TrainedNetwork("rotation", self.rotation_head, self.d_optimizer, "d")
            return [*super().trained_networks(), head]

        def discriminator_terms(self, batch):
            return {"d_rotation": self.d_weight * self.rotation_loss(batch, batch.real)}

        def generator_terms(self, batch):
            return {"g_rotation": self.g_weight * self.rotation_loss(batch, batch.fake)}

        def rotation_loss(self, batch, images):
            turned = torch.cat([images.rot90(turns, (2, 3)) for turns in range(4)])
            turns = torch.arange(4, device=images.device).repeat_interleave(len(images))
            return cross_entropy(self.rotation_head(batch.features(turned, None)), turns)
"""
CONF = """
    defaults: [gan, _self_]
    _target_: my_ssgan.SSGAN
    d_weight: 1.0
    g_weight: 0.2
"""
SSGAN = [*TINY, *SMALL, "model=my_ssgan", *OWN]


def test_the_head_learns_in_the_step_of_d_and_every_record_has_it(lab):
    lab.write(my_ssgan=MODEL, conf__model__my_ssgan=CONF)
    row = lab.train(*SSGAN, "clip_grad_norm.d=1", "+clip_grad_norm.rotation=1").read_rows()[0]
    assert {"d_rotation", "g_rotation", "rotation_gradient_norm", "rotation_lr"} <= row.keys()
    lab.check(*SSGAN, "only=steps", "max_images=16")
