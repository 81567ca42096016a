import math

import numpy as np
import pytest
import torch
from torch import nn

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.model.base.freeze import blocks
from gan_lab.network.dit import Discriminator, Generator, TransformerBlock, sinusoids
from gan_lab.training.build import build
from tests.tiny import tiny


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


def stirred(net):
    """With weights of no block at 0."""
    generator = torch.Generator().manual_seed(1)
    for weight in net.parameters():
        weight.data.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return net


@pytest.fixture
def pair():
    torch.manual_seed(0)
    return tuple(map(stirred, (Generator(None, 1, 8, 8, 2, 2, num_classes=3), Discriminator(1, 8, 8, 2, 2, num_classes=3))))


@pytest.mark.parametrize(("width", "depth", "heads", "millions"), [(384, 12, 6, 33), (768, 12, 12, 130), (1024, 24, 16, 458)])
def test_generators_have_the_published_sizes(width, depth, heads, millions):
    """Table 4 rounds; ours lack the time steps' perceptron."""
    with torch.device("meta"):
        g = Generator(None, 4, 32, width, depth, heads, num_classes=1000)
    times = 256 * width + width + width**2 + width
    assert (count(g) + times) / 1e6 == pytest.approx(millions, abs=0.6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [4, 6, 8, 28, 32])
def test_pair_fits_every_size(size, channels):
    with torch.device("meta"):
        g, d = Generator(None, channels, size, 8, 2), Discriminator(channels, size, 8, 2)
        images = g(torch.zeros(2, g.latent_dim))
        assert images.shape == (2, channels, size, size)
        assert d(images).shape == (2,)
        assert d.features(images).shape == (2, d.num_features)


def test_at_first_images_are_grey_and_logits_do_not_see_the_image():
    torch.manual_seed(0)
    g, d = Generator(64, 1, 8, 8, 2), Discriminator(1, 8, 8, 2)
    assert not g(normal(3, 64)).any()
    logits = d(normal(3, 1, 8, 8))
    assert torch.equal(logits, logits[:1].expand(3))


def test_with_patches_copied_through_g_is_the_identity_on_its_latents():
    """Where a patch goes in and where it comes out is one place."""
    g = Generator(None, 3, 8, 12, 0, 1)
    weight = torch.linalg.qr(normal(12, 12))[0]
    g.trunk.input.weight.data, g.output.weight.data = weight.view(12, 3, 2, 2), weight.T.contiguous()
    g.trunk.positions.zero_()
    g.norm = nn.Identity()
    z = normal(2, 192)
    torch.testing.assert_close(g(z).flatten(1), z)


def test_block_is_that_of_the_paper():
    torch.manual_seed(0)
    block, x, condition = TransformerBlock(8, 2, fused_attention=False), normal(2, 5, 8), normal(2, 8) + 1
    weights = {name: weight.detach().double().numpy() for name, weight in block.named_parameters()}

    def linear(name, x):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)

    def attention(x):
        heads = []
        for q, k, v in zip(*(np.split(part, 2, -1) for part in np.split(linear("query_key_value", x), 3, -1)), strict=True):
            scores = np.exp(q @ k.transpose(0, 2, 1) / math.sqrt(4))
            heads.append(scores / scores.sum(-1, keepdims=True) @ v)
        return linear("projection", np.concatenate(heads, -1))

    def perceptron(x):
        h = linear("perceptron.0", x)
        return linear("perceptron.2", 0.5 * h * (1 + np.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3))))

    c = condition.double().numpy()
    parts = np.split(linear("modulation", c / (1 + np.exp(-c)))[:, None], 6, -1)
    expected = x.double().numpy()
    for (shift, scale, gate), layer in ((parts[:3], attention), (parts[3:], perceptron)):
        expected = expected + gate * layer(norm(expected) * (1 + scale) + shift)
    torch.testing.assert_close(block(x, condition).double(), torch.from_numpy(expected), rtol=1e-4, atol=1e-5)


def test_fused_attention_is_the_same():
    torch.manual_seed(0)
    plain, fused, x = Discriminator(1, 8, 8, 2, 2), Discriminator(1, 8, 8, 2, 2, fused_attention=True), normal(3, 1, 8, 8)
    fused.load_state_dict(stirred(plain).state_dict())
    torch.testing.assert_close(fused(x), plain(x))


def test_positions_are_sines_and_cosines_of_column_and_row():
    table = sinusoids(3, 8).view(3, 3, 8)
    for row in range(3):
        for column in range(3):
            expected = [f(place * w) for place in (column, row) for f in (math.sin, math.cos) for w in (1, 0.01)]
            assert table[row, column].tolist() == pytest.approx(expected, abs=1e-6)


def test_images_are_unbounded_in_training_and_clamped_in_evaluation(pair):
    g, z, y = pair[0], 10 * normal(4, 64), torch.tensor([0, 1, 2, 0])
    images = 50 * g(z, y)
    assert images.abs().max() > 1
    g.output.weight.data *= 50
    g.output.bias.data *= 50
    torch.testing.assert_close(g.eval()(z, y), images.clamp(-1, 1), rtol=1e-4, atol=1e-4)


def test_labels_modulate_both_and_no_image_s_logit_depends_on_another(pair):
    (g, d), z, y = pair, normal(3, 64), torch.tensor([0, 1, 2])
    other = y.flip(0)
    assert [torch.equal(*images) for images in zip(g(z, y), g(z, other), strict=True)] == [False, True, False]
    x = normal(3, 1, 8, 8).requires_grad_()
    assert (d(x, y) != d(x, other)).tolist() == [True, False, True]
    assert torch.equal(d(x, y), d.head(d.features(x, y), y))
    (gradient,) = torch.autograd.grad(d(x, y)[0], x)
    assert gradient[0].all()
    assert not gradient[1:].any()


def test_gradient_penalty_reaches_every_weight(pair):
    (_, d), x, y = pair, normal(3, 1, 8, 8).requires_grad_(), torch.tensor([0, 1, 2])
    (gradient,) = torch.autograd.grad(d(x, y).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(weight.grad.any() for weight in d.parameters())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"image_size": 1}, "network=dit .*: use network=mlp"),
        ({"image_size": 9}, r"data.image_size=9 .* multiples of patch=2: use 8 or 10"),
        ({"image_size": 2}, r"data.image_size=2 .* use 4 or 6"),
        ({"image_size": 8, "width": 12, "heads": 5}, r"width=12 .* of its 5 heads: use 20"),
        ({"image_size": 8, "latent_dim": 100}, r"latent_dim=100 does not fit .*: use 192"),
    ],
)
def test_impossible_choice_is_refused(given, sentence):
    with pytest.raises(InputError, match=sentence):
        Generator(**{"latent_dim": None, "channels": 3, "width": 8} | given)


def test_conditional_networks_are_refused_without_labels(pair):
    for net, x in zip(pair, (normal(2, 64), normal(2, 1, 8, 8)), strict=True):
        with pytest.raises(InputError, match=r"num_classes=3 .* network.generator.num_classes=null"):
            net(x)


def test_any_model_may_have_it():
    assert build(tiny("model=gan", "network=dit")).generator.latent_dim == 64
    assert compose("train", ["model=afm", "data=cifar10"]).network.generator.latent_dim == 3072


def test_each_block_of_the_discriminator_can_be_frozen():
    assert len(blocks(Discriminator(1, 8, 16, depth=3))) == 5  # patches, three blocks, logit
