from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from gan_lab.errors import InputError
from gan_lab.network.char_cnn import CharBlock, Discriminator, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/char_cnn.yaml"


def normal(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def count(net):
    return sum(weight.numel() for weight in net.parameters())


def made(**data):
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": data})
    return instantiate(cfg.generator), instantiate(cfg.discriminator)


@pytest.mark.parametrize(("characters", "length"), [(256, 32), (64, 16)])
def test_config_makes_the_authors_pair(characters, length):
    """Their shapes: filters (5, 512, 512) and biases (512), ten times; (128, 512 L), (1, 512, C), (1, C, 512), (512 L, 1)."""
    with torch.device("meta"):
        generator, discriminator = made(shape=[characters, length])
    blocks = 5 * 2 * (5 * 512 * 512 + 512)
    assert count(generator) == (128 + 1) * 512 * length + blocks + (512 + 1) * characters
    assert count(discriminator) == (characters + 1) * 512 + blocks + (512 * length + 1)
    assert (generator.latent_dim, discriminator.num_features) == (128, 512 * length)


@pytest.mark.parametrize("shape", [(3, 1), (4, 7), (70, 20)])
def test_samples_are_distributions_at_each_position_of_any_shape(shape):
    samples = Generator(5, shape, width=4)(10 * normal(3, 5))
    assert samples.shape == (3, *shape)
    torch.testing.assert_close(samples.sum(1), torch.ones(3, shape[1]))
    assert Discriminator(shape, width=4)(samples).shape == (3,)


def test_a_block_is_what_the_authors_wrote():
    block, x = CharBlock(4).double(), normal(2, 4, 6, dtype=torch.float64)

    def convolved(x, layer):  # of length 5, with two zeros at either end
        padded = np.pad(np.maximum(x, 0), ((0, 0), (0, 0), (2, 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 5, 2)
        return np.einsum("nclk,ock->nol", windows, layer.weight.numpy()) + layer.bias.numpy()[:, None]

    with torch.no_grad():
        first, second = (layer for layer in block.branch if isinstance(layer, nn.Conv1d))
        expected = x.numpy() + 0.3 * convolved(convolved(x.numpy(), first), second)
        np.testing.assert_allclose(block(x).numpy(), expected)


def test_weights_start_as_the_authors_do():
    generator = Generator(128, (64, 16), width=64)
    for layer in generator.modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            taps = layer.kernel_size[0] if isinstance(layer, nn.Conv1d) else 1
            fans, numerator = taps * (layer.weight.shape[0] + layer.weight.shape[1]), 4 if isinstance(layer, nn.Conv1d) else 2
            assert float(layer.weight.detach().std()) == pytest.approx((numerator / fans) ** 0.5, rel=0.05)
            assert float(layer.weight.detach().abs().max()) <= (3 * numerator / fans) ** 0.5  # uniform
            assert not layer.bias.any()


def test_a_gradient_penalty_reaches_all_of_d():
    d, x = Discriminator((5, 6), width=4).double(), torch.rand(3, 5, 6, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    (gradient.flatten(1).norm(dim=1) - 1).square().mean().backward()
    assert all(
        weight.grad is not None and weight.grad.any() for name, weight in d.named_parameters() if name.endswith("weight")
    )


@pytest.mark.parametrize(("data", "kind"), [({}, "images"), ({"shape": [5]}, r"data\.shape=\[5\]")])
def test_data_of_another_kind_are_refused(data, kind):
    with pytest.raises(Exception, match=rf"network=char_cnn .* not {kind}: use data=text_lines, or another network") as error:
        made(**data)
    assert isinstance(error.value.__cause__, InputError)
