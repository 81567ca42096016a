from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from gan_lab.errors import InputError
from gan_lab.network import layers
from gan_lab.network.biggan import ConditionedBatchNorm2d, Discriminator, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/biggan.yaml"


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


@pytest.fixture
def counted(monkeypatch):
    """Without power iterations and orthogonal draws, which take seconds on the meta device and change no shape."""
    monkeypatch.setattr(layers, "spectral_norm", lambda module: module)
    monkeypatch.setattr(nn.init, "orthogonal_", lambda weight: weight)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    ("size", "num_classes", "options", "g_millions", "d_millions"),
    [
        (32, 10, {}, 9.42, 2.42),  # PyTorch-StudioGAN's count for CIFAR-10: 9.4 and 2.4
        (128, 1000, {}, 70.43, 87.98),  # the authors' code: 70.4 and 88.0
        (128, 1000, {"width": 128, "deep": True}, 50.24, 34.58),  # Brock 2019, table 5: 50.4 and 34.6
    ],
)
def test_published_pairs_have_these_many_weights(size, num_classes, options, g_millions, d_millions):
    data = {"channels": 3, "image_size": size}
    chosen = {"generator": options, "discriminator": {key: options[key] for key in options if key == "width"}}
    cfg = OmegaConf.merge(
        {"network": OmegaConf.load(CONFIG)}, {"network": chosen, "data": data, "model": {"num_classes": num_classes}}
    )
    with torch.device("meta"):
        g, d = instantiate(cfg.network.generator), instantiate(cfg.network.discriminator)
    assert count(g) / 1e6 == pytest.approx(g_millions, abs=0.005)
    assert (count(d) + num_classes * d.num_features) / 1e6 == pytest.approx(d_millions, abs=0.005)  # the model's projection


@pytest.mark.parametrize(
    ("size", "num_classes", "deep"),
    [
        (8, None, False),
        (8, 3, True),
        (12, 3, False),
        (28, None, True),
        *(
            pytest.param(*large, marks=pytest.mark.slow)
            for large in [(32, 3, False), (48, 3, True), (64, None, True), (128, 3, False)]
        ),
    ],
)
def test_pair_fits_every_size(size, num_classes, deep):
    g = Generator(None, 1, size, width=4, num_classes=num_classes, embedding_dim=3, deep=deep)
    images = g(normal(2, g.latent_dim), None if num_classes is None else torch.tensor([0, 2]))
    assert images.shape == (2, 1, size, size)
    assert images.abs().max() <= 1
    d = Discriminator(1, size, width=4, deep=deep)
    assert d(images).shape == (2,)
    assert d.features(images).shape == (2, d.num_features)


ATTENTION = [*(pytest.param(*sizes, marks=pytest.mark.slow) for sizes in ((128, 64, 64), (64, 32, 32))),
             (64, 64, 32), (32, 64, 16), (8, 64, 4)]  # fmt: skip


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(("size", "attention", "height"), ATTENTION)
def test_both_attend_to_the_map_of_the_stated_height(size, attention, height, deep):
    seen = []
    g, d = Generator(None, 1, size, 4, attention, deep=deep), Discriminator(1, size, 4, attention, deep=deep)
    for net in (g, d):
        (found,) = [module for module in net.modules() if isinstance(module, layers.SelfAttention)]
        found.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[2]))
    d(g(normal(2, g.latent_dim)))
    assert seen == [height, height]


def test_each_part_of_the_latents_conditions_one_block_alone():
    g = Generator(None, 1, 32, width=4).eval()
    for module in g.modules():
        if isinstance(module, ConditionedBatchNorm2d):
            module.register_forward_hook(lambda module, inputs, output: seen.append(inputs[1]))
    z = normal(2, 80)
    seen = []
    g(z)
    for number, condition in enumerate(seen):  # two norms in each of three blocks; the first part is the input
        torch.testing.assert_close(condition, z[:, 20 * (number // 2 + 1) : 20 * (number // 2 + 2)])
    assert len(seen) == 6


def test_the_embedding_is_shared_and_the_norm_is_linear_in_the_condition():
    norm = ConditionedBatchNorm2d(3, 5)
    x, c = normal(4, 3, 2, 2), normal(4, 5)
    gain, shift = 1 + c @ norm.gain.weight.T, c @ norm.shift.weight.T
    plain = nn.BatchNorm2d(3, affine=False)(x)
    torch.testing.assert_close(norm(x, c), plain * gain[..., None, None] + shift[..., None, None])
    g = Generator(None, 1, 16, width=4, num_classes=3)
    assert sum(isinstance(module, nn.Embedding) for module in g.modules()) == 1


def test_weights_are_orthogonal_and_normalised():
    for net in (Generator(None, 1, 16, width=4), Discriminator(1, 16, width=4)):
        net.eval()
        for module in net.modules():
            if isinstance(module, layers.WEIGHTED):
                rows = module.weight.flatten(1)
                gram = rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows
                torch.testing.assert_close(gram, torch.eye(len(gram)), rtol=0, atol=1e-4)


def test_latents_that_cannot_be_divided_are_refused():
    with pytest.raises(InputError, match="use a multiple of 4, or null for 80"):
        Generator(81, 3, 32)


def test_deep_shortcuts_drop_and_add_channels():
    from gan_lab.network.biggan import DeepDBlock, DeepGBlock

    up, down = DeepGBlock(8, 4, 3, double=True), DeepDBlock(4, 8, halve=True)
    for conv in (up.convs[-1], down.convs[-1]):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    x = normal(2, 8, 4, 4)
    torch.testing.assert_close(up(x, normal(2, 3)), x[:, :4].repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(down(x[:, :4])[:, :4], nn.functional.avg_pool2d(x[:, :4], 2))
