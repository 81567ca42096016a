"""gan_lab as a library: no command, no configuration."""

from functools import partial

import lightning as L
import pytest
import torch
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

from gan_lab import losses, penalties
from gan_lab.errors import InputError
from gan_lab.model.gan import GAN
from gan_lab.network import mlp

QUIET = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
         "enable_model_summary": False}  # fmt: skip


def gan_of_objects(model=GAN, **options):
    generator = mlp.Generator(latent_dim=8, channels=1, image_size=8, width=8)
    discriminator = mlp.Discriminator(channels=1, image_size=8, width=8)
    return model(generator, discriminator, partial(Adam, lr=1e-3), partial(Adam, lr=1e-3), **options)


IMAGES = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
GREY = ((IMAGES + 1) * 127.5).round().to(torch.uint8)
LOADERS = {
    "bare tensors": DataLoader(IMAGES, 8),
    "(x,)": DataLoader(TensorDataset(IMAGES), 8),
    "(x, y)": DataLoader(TensorDataset(IMAGES, torch.arange(32) % 4), 8),
    "uint8 images": DataLoader(GREY, 8),
}


@pytest.mark.parametrize("loader", LOADERS)
def test_a_gan_of_objects_is_trained_by_lightning_on_any_plain_loader(loader):
    gan = gan_of_objects(penalties={"r1": penalties.R1(0.1)}, d_steps=2)
    before = [weight.clone() for weight in gan.generator_ema.parameters()]
    L.Trainer(max_steps=4, limit_val_batches=1, **QUIET).fit(gan, LOADERS[loader], LOADERS[loader])
    assert (gan.g_steps_done, gan.d_steps_done, gan.images_seen) == (4, 8, 64)
    assert not any(torch.equal(a, b) for a, b in zip(before, gan.generator_ema.parameters(), strict=True) if a.ndim > 1)
    assert gan.sample(3).abs().max() <= 1


def test_grey_levels_are_seen_as_the_images_that_they_are():
    seen = []

    class Watched(GAN):
        def discriminator_loss(self, batch):
            seen.append(batch.real)
            return super().discriminator_loss(batch)

    L.Trainer(max_steps=1, **QUIET).fit(gan_of_objects(Watched), LOADERS["uint8 images"])
    torch.testing.assert_close(seen[0], IMAGES[:8], atol=1 / 127, rtol=0)


REMEDY = (
    "a GAN trains on a tensor of images, on (images,) or on (images, labels); give the DataLoader a collate_fn that "
    "returns one of these"
)
REFUSED = {
    "dict of 2": [{"image": image, "label": 0} for image in IMAGES],
    "list of 3": [(image, 0, 1) for image in IMAGES],
    "list of 2": [("cat.png", image) for image in IMAGES],
}


@pytest.mark.parametrize("shown", REFUSED)
def test_any_other_batch_is_refused_in_a_sentence(shown):
    with pytest.raises(InputError) as error:
        L.Trainer(max_steps=1, **QUIET).fit(gan_of_objects(), DataLoader(REFUSED[shown], 8))
    assert str(error.value) == f"the loader hands over a {shown}: {REMEDY}"


class SomebodysOwn(L.LightningModule):
    """A module that borrows formulas alone."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.critic = nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def logits(self, x, y=None):
        return self.critic(x).squeeze(1)

    def training_step(self, batch, batch_idx):
        (real,) = batch
        for optimizer, loss in zip(self.optimizers(), (self.critic_loss, self.generator_loss), strict=True):
            optimizer.zero_grad()
            self.manual_backward(loss(real, self.generator(torch.randn(len(real), 4))))
            optimizer.step()

    def critic_loss(self, real, fake):
        mixed = penalties.interpolate(real, fake.detach(), torch.rand(len(real)))
        loss = losses.wasserstein_d(self.logits(real), self.logits(fake.detach()))
        return loss + 10 * penalties.gradient_penalty(self.logits, mixed)

    def generator_loss(self, real, fake):
        return losses.wasserstein_g(self.logits(fake))

    def configure_optimizers(self):
        return Adam(self.critic.parameters(), 1e-2), Adam(self.generator.parameters(), 1e-2)


def test_losses_and_penalties_serve_somebodys_own_module():
    module = SomebodysOwn()
    before = [weight.clone() for weight in module.parameters()]
    L.Trainer(max_steps=4, **QUIET).fit(module, DataLoader(TensorDataset(torch.randn(64, 2)), 8))
    moved = [not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True)]
    assert sum(moved) == len(moved) - 1  # the critic's last bias cancels in the Wasserstein loss
