"""A GAN on signals (N, C, L): own data, own networks, and float vectors as labels."""

import numpy as np
import pytest
import torch

from gan_lab.data.arrays import Arrays
from gan_lab.data.module import Data
from gan_lab.errors import InputError
from tests.stranger.lab import OWN

DATA = """
    import torch

    from gan_lab.data.arrays import Arrays


    def waves(n, seed, labelled=False):
        g = torch.Generator().manual_seed(seed)
        pitch, phase = torch.rand(2, n, 1, 1, generator=g)
        time = torch.linspace(0, 1, 16)
        signals = torch.cat([torch.sin(6.28 * (pitch * 3 * time + phase)), torch.cos(6.28 * pitch * time)], 1)
        return Arrays(signals, torch.cat([pitch, phase], 1)[..., 0] if labelled else None)
"""
DATA_CONF = """
    defaults: [_self_, override /metric@_global_.metric: none, override /network@_global_.network: my_conv1d]
    _target_: gan_lab.data.module.Data
    train: {_target_: my_signals.waves, _partial_: true, n: 64, seed: 1}
    held_out: {_target_: my_signals.waves, _partial_: true, n: 16, seed: 2}
    shape: [2, 16]
    num_classes: null
    batch_size: 4
    seed: ${seed}
"""
NETWORK = """
    import torch
    from torch import nn


    class Generator(nn.Module):
        def __init__(self, latent_dim, shape, width, label_dim=0):
            super().__init__()
            channels, length = shape
            self.latent_dim, self.label_dim = latent_dim, label_dim
            self.body = nn.Sequential(
                nn.Linear(latent_dim + label_dim, width * length // 4), nn.Unflatten(1, (width, length // 4)), nn.ReLU(),
                nn.ConvTranspose1d(width, channels, 4, 4), nn.Tanh(),
            )

        def forward(self, z, y=None):
            return self.body(torch.cat([z, y.to(z)], 1) if self.label_dim else z)


    class Discriminator(nn.Module):
        def __init__(self, shape, width, label_dim=0):
            super().__init__()
            channels, length = shape
            self.label_dim = label_dim
            self.body = nn.Sequential(nn.Conv1d(channels, width, 4, 4), nn.LeakyReLU(0.2), nn.Flatten())
            self.last = nn.Linear(width * length // 4 + label_dim, 1)

        def features(self, x, y=None):
            return torch.cat([self.body(x), y.to(x)], 1) if self.label_dim else self.body(x)

        def head(self, features, y=None):
            return self.last(features).squeeze(1)

        def forward(self, x, y=None):
            return self.head(self.features(x, y), y)
"""
NETWORK_CONF = """
    generator: {_target_: my_conv1d.Generator, latent_dim: 8, shape: "${data.shape}", width: 8}
    discriminator: {_target_: my_conv1d.Discriminator, shape: "${data.shape}", width: 8}
"""
SIGNALS = ["model=hinge", "data=my_signals", *OWN]


@pytest.fixture
def signals(lab):
    lab.write(my_signals=DATA, conf__data__my_signals=DATA_CONF, my_conv1d=NETWORK, conf__network__my_conv1d=NETWORK_CONF)
    return lab


def test_they_are_trained_drawn_and_sampled_as_they_are(signals):
    run = signals.train(*SIGNALS, "penalty=r1")
    assert run.read_summary()["status"] == "finished"
    assert list(run.grids()) == [0, 32]
    signals.sample("format=npz", "n=6")
    signals.sample("format=great_circle", "n=2", "steps=3")
    written = np.load("run/generated/grid/samples-seed0.npz")["images"]
    torch.testing.assert_close(torch.from_numpy(written), signals.load().sample(6))
    with pytest.raises(SystemExit) as ended:
        signals.sample("format=png")
    assert (
        str(ended.value) == "gan_lab: format=png needs images, and this GAN makes samples of 2x16: use format=grid, npz or npy"
    )


@pytest.mark.slow
def test_the_check_takes_them_whatever_their_size(signals, capsys):
    signals.write(conf__model__my_hinge="{defaults: [hinge, _self_], d_steps: 2}")
    for invariant in ("samples", "cost"):
        signals.check("model=my_hinge", "data=my_signals", f"only={invariant}", "max_images=16", *OWN)
    assert "4x2x16" in capsys.readouterr().out


def test_another_shape_than_stated_is_a_sentence_with_the_remedy():
    signals = Arrays(torch.zeros(8, 2, 16))
    with pytest.raises(InputError) as error:
        Data(lambda: signals, lambda: signals, shape=[2, 32], num_classes=None, batch_size=4, seed=0).setup()
    assert str(error.value) == ("data.shape=[2, 32] does not fit the samples, which are 2x16: use ++data.shape=[2,16]")


def test_another_kind_of_data_module_is_refused_with_the_remedy(signals):
    signals.write(
        my_module="""
            import lightning as L


            class Mine(L.LightningDataModule):
                def __init__(self, batch_size):
                    super().__init__()
        """,
        conf__data__my_own="{_target_: my_module.Mine, batch_size: 4}",
    )
    with pytest.raises(SystemExit) as ended:
        signals.train("model=gan", "network=my_conv1d", "data=my_own", *OWN)
    assert str(ended.value) == (
        "gan_lab: my_module.Mine is no gan_lab.data.module.Data, whose order of samples an exact resume needs: give its data "
        "sets as train and held_out of Data, or train without a command, by lightning.Trainer"
    )


VECTORS = ["+data.label_dim=2", "+data.train.labelled=true", "+data.held_out.labelled=true", "+network.generator.label_dim=2",
           "+network.discriminator.label_dim=2"]  # fmt: skip


@pytest.mark.slow
def test_labels_may_be_float_vectors(signals):
    signals.write(
        my_model="""
            import torch

            from gan_lab.model.gan import GAN


            class VectorGAN(GAN):
                def labels(self, indices, classes=None):
                    pitch = torch.tensor([index % 8 / 8 for index in indices], device=self.device)
                    return torch.stack([pitch, torch.zeros_like(pitch)], 1)
        """
    )
    signals.train(*SIGNALS, *VECTORS, "model._target_=my_model.VectorGAN")
    gan = signals.load()
    low, high = (gan.generate(torch.zeros(1, 8), torch.tensor([[pitch, 0.0]])) for pitch in (0.0, 1.0))
    assert not torch.equal(low, high)


@pytest.mark.slow
def test_a_generator_of_label_vectors_needs_to_be_told_which_to_sample(signals):
    with pytest.raises(SystemExit) as ended:
        signals.train(*SIGNALS, *VECTORS)
    assert str(ended.value) == (
        "gan_lab: my_conv1d.Generator takes label vectors, and which to sample only you know: override "
        "labels(indices, classes) of the model, to return them as (N, 2)"
    )
