from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.functional import max_pool2d

from gan_lab.errors import InputError
from gan_lab.network import dcgan, layers, mlp, resnet, sagan, sndcgan

AXES = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", [name for name in layers.NORMS if name != "virtual_batch"])  # whose axes are in its own test
def test_norm_standardises_its_own_axes(name):
    x = 3 * normal(4, 8, 5, 5) + 2
    axes = AXES.get(name)
    expected = x
    if axes:
        var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        expected = (x - mean) / (var + 1e-5).sqrt()
    torch.testing.assert_close(layers.norm(name, 8)(x), expected)


@pytest.mark.parametrize("name", [*AXES, "virtual_batch"])
def test_norm_has_a_gain_and_a_bias_per_channel(name):
    assert [w.shape for w in layers.norm(name, 8).parameters()] == [(8,), (8,)]


def test_conditional_batch_norm_is_batch_norm_at_first():
    x, y = 3 * normal(6, 8, 3, 3) + 2, torch.tensor([0, 1, 2, 0, 1, 2])
    torch.testing.assert_close(layers.norm("batch", 8, num_classes=3)(x, y), nn.BatchNorm2d(8)(x))


def test_conditional_gain_and_shift_belong_to_one_class():
    layer, x, y = layers.norm("batch", 8, num_classes=3), normal(6, 8, 3, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    before = layer(x, y)
    with torch.no_grad():
        layer.gain.weight[1], layer.shift.weight[1] = 2, -3
    torch.testing.assert_close(layer(x, y), torch.where((y == 1).view(6, 1, 1, 1), 2 * before - 3, before))


def test_only_batch_norm_becomes_conditional():
    kinds = {name: type(layers.norm(name, 8, num_classes=3)) for name in layers.NORMS}
    assert [name for name, kind in kinds.items() if kind is layers.ConditionalBatchNorm2d] == ["batch"]


@pytest.fixture
def attention():
    torch.manual_seed(0)
    layer = layers.SelfAttention(16)
    nn.init.ones_(layer.gamma)
    return layer


def test_attention_is_the_identity_at_first():
    x = normal(2, 16, 4, 4)
    assert torch.equal(layers.SelfAttention(16)(x), x)


@pytest.mark.parametrize("size", [4, 5])
def test_attention_is_the_paper_s_sum_over_places(attention, size):
    """o_j = W sum_i softmax_i(f(x_i) g(x_j)) h(x_i), place by place; on even maps the places i are pooled."""
    x, pool = normal(2, 16, size, size), (lambda h: max_pool2d(h, 2)) if size % 2 == 0 else (lambda h: h)
    g, f, h = attention.query(x), pool(attention.key(x)), pool(attention.value(x))
    assert (g.shape[1], f.shape[1], h.shape[1]) == (2, 2, 8)
    for n, row, column in ((0, 0, 0), (1, 2, 3)):
        closeness = torch.einsum("c,cij->ij", g[n, :, row, column], f[n]).exp()
        found = torch.einsum("ij,cij->c", closeness / closeness.sum(), h[n])
        expected = x[n, :, row, column] + attention.output.weight[:, :, 0, 0] @ found
        torch.testing.assert_close(attention(x)[n, :, row, column], expected)


def test_attention_does_not_know_where_a_place_is(attention):
    x, order = normal(2, 16, 5, 5), torch.randperm(25, generator=torch.Generator().manual_seed(0))

    def moved(h):
        return h.flatten(2)[..., order].view_as(h)

    torch.testing.assert_close(attention(moved(x)), moved(attention(x)))


def test_attention_of_few_channels_has_one_query_channel():
    assert layers.SelfAttention(1)(normal(2, 1, 4, 4)).shape == (2, 1, 4, 4)
    assert layers.SelfAttention(4).query.out_channels == 1


@pytest.mark.parametrize("name", layers.ACTIVATIONS)
def test_activation_leaves_its_input_as_it_was(name):
    x = torch.linspace(-3, 3, 7)
    before = x.clone()
    assert not torch.equal(layers.activation(name)(x), before)
    assert torch.equal(x, before)


def test_leaky_relu_has_the_slope_of_dcgan():
    assert layers.activation("leaky_relu")(torch.tensor(-1.0)) == pytest.approx(-0.2)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", layers.UPS)
def test_up_doubles_the_map(name, bias):
    layer = layers.up(name, 3, 5, bias)
    assert layer(torch.zeros(2, 3, 4, 4)).shape == (2, 5, 8, 8)
    assert any(key.endswith("bias") for key in layer.state_dict()) == bias


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", layers.DOWNS)
def test_down_halves_the_map(name, bias):
    layer = layers.down(name, 3, 5, bias)
    assert layer(torch.zeros(2, 3, 8, 8)).shape == (2, 5, 4, 4)
    assert any(key.endswith("bias") for key in layer.state_dict()) == bias


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: layers.norm("bach", 8), "norm=bach does not exist .*; did you mean 'batch'"),
        (lambda: layers.activation("rely"), "activation=rely does not exist .*; did you mean 'relu'"),
        (lambda: layers.up("transpose", 3, 5), "up=transpose does not exist .*; did you mean 'transposed'"),
        (lambda: layers.down("avarage", 3, 5), "down=avarage does not exist .*; did you mean 'average'"),
    ],
)
def test_misspelt_choice_names_the_nearest(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_dcgan_init_draws_the_published_distributions():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(64, 64, 4), nn.ConvTranspose2d(64, 64, 4), nn.BatchNorm2d(20_000)).apply(layers.dcgan_init)
    for module, mean in zip(net, (0, 0, 1), strict=True):
        assert module.weight.mean().item() == pytest.approx(mean, abs=1e-3)
        assert module.weight.std().item() == pytest.approx(0.02, rel=0.02)
        assert not module.bias.any()


def test_glorot_init_draws_the_published_distribution():
    torch.manual_seed(0)
    for layer, fans in ((nn.Conv2d(32, 64, 3), 9 * 96), (nn.ConvTranspose2d(32, 64, 4), 16 * 96), (nn.Linear(99, 64), 163)):
        layers.glorot_init(layer)
        assert layer.weight.abs().max().item() == pytest.approx((6 / fans) ** 0.5, rel=0.01)
        assert layer.weight.var().item() == pytest.approx(2 / fans, rel=0.05)
        assert not layer.bias.any()


@pytest.mark.parametrize(
    ("layer", "variance"),  # 2 g^2 / (fan in + fan out); the authors' fans: a stride of 2 leaves a quarter of the smaller map
    [
        (lambda: nn.Conv2d(32, 64, 4, 2), 4 / (16 * 32 + 16 * 64 / 4)),
        (lambda: nn.ConvTranspose2d(32, 64, 4, 2), 4 / (16 * 32 / 4 + 16 * 64)),
        (lambda: nn.Conv2d(32, 64, 3), 4 / (9 * 32 + 9 * 64)),
        (lambda: nn.Conv2d(80, 64, 1), 2 / (80 + 64)),
        (lambda: nn.Linear(99, 64), 2 / (99 + 64)),
    ],
)
def test_wgan_gp_init_draws_the_variances_of_its_authors(layer, variance):
    torch.manual_seed(0)
    made = layer()
    layers.initialise(made, "wgan_gp")
    assert made.weight.var().item() == pytest.approx(variance, rel=0.05)
    assert made.weight.abs().max().item() == pytest.approx((3 * variance) ** 0.5, rel=0.01)  # uniform
    assert not made.bias.any()


def test_orthogonal_init_makes_rows_orthogonal_and_class_gains_vary_around_one():
    torch.manual_seed(0)
    net = nn.ModuleList([nn.Conv2d(8, 6, 3), nn.Linear(9, 5), nn.Embedding(4, 16), layers.ConditionalBatchNorm2d(16, 4)])
    layers.initialise(net, "orthogonal")
    norm = net[3]
    for matrix in (net[0].weight.flatten(1), net[1].weight, net[2].weight, norm.gain.weight - 1, norm.shift.weight):
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(len(matrix)), atol=1e-5, rtol=0)
    assert not net[0].bias.any()
    assert not net[1].bias.any()


def test_torch_bias_init_keeps_the_weights_and_draws_torch_s_biases():
    torch.manual_seed(0)
    for make in (lambda: nn.Conv2d(7, 20_000, 3), lambda: nn.Linear(50, 20_000)):
        layer, torch_s = make(), make()
        layers.glorot_init(layer)
        before = layer.weight.clone()
        layers.initialise(layer, "torch_bias")
        assert torch.equal(layer.weight, before)
        assert layer.bias.std().item() == pytest.approx(torch_s.bias.std().item(), rel=0.03)
        assert layer.bias.abs().max().item() == pytest.approx(torch_s.bias.abs().max().item(), rel=0.01)


@pytest.mark.parametrize("network", [dcgan, resnet, sagan, sndcgan], ids=lambda network: network.__name__)
def test_a_network_starts_as_asked(network):
    starts = set()
    for init in layers.INITS:
        torch.manual_seed(0)
        g, d = network.Generator(5, 1, 8, width=8, init=init), network.Discriminator(1, 8, width=8, init=init)
        assert d(g(normal(4, 5))).isfinite().all()
        starts.add(torch.cat([p.detach().flatten() for net in (g, d) for p in net.parameters()]).numpy().tobytes())
    assert len(starts) == len(layers.INITS)


def test_a_misspelt_init_names_the_nearest():
    with pytest.raises(InputError, match=r"init=orthogonals does not exist .*; did you mean 'orthogonal'\?"):
        dcgan.Generator(5, 1, 8, init="orthogonals")


@pytest.fixture
def spectral_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.Conv2d(6, 3, 4, 2, 1), nn.Flatten(), nn.Linear(48, 7))
    layers.normalise_weights(net, "spectral")
    return net


X = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))


def vectors(net):
    return [buffer.clone() for buffer in net.buffers()]


def test_spectral_weights_have_largest_singular_value_one(spectral_net):
    for _ in range(50):
        spectral_net(X)
    spectral_net.eval()
    matrices = [spectral_net[0].weight.transpose(0, 1).flatten(1), spectral_net[1].weight.flatten(1), spectral_net[3].weight]
    for matrix in matrices:
        assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=1e-3)


def test_spectral_estimate_moves_in_training_only(spectral_net):
    before = vectors(spectral_net)
    spectral_net.eval()(X)
    assert all(map(torch.equal, before, vectors(spectral_net)))
    spectral_net.train()(X)
    assert not any(map(torch.equal, before, vectors(spectral_net)))


@pytest.mark.parametrize("network", [dcgan, mlp, resnet, sagan, sndcgan], ids=lambda network: network.__name__)
def test_spectral_estimate_of_every_network_moves_in_training_only(network):
    norm = {} if network is sagan else {"norm": "spectral"}  # its generator has no other choice
    for net, x in (
        (network.Generator(5, 1, 8, width=8, **norm), normal(4, 5)),
        (network.Discriminator(1, 8, width=8, norm="spectral"), normal(4, 1, 8, 8)),
    ):
        with torch.no_grad():
            for weight in net.parameters():
                weight.add_(torch.randn_like(weight))
        estimates = [b for name, b in net.named_buffers() if name.endswith(("._u", "._v")) and b.numel() > 1]
        before = [estimate.clone() for estimate in estimates]
        net.eval()(x)
        assert estimates
        assert all(map(torch.equal, before, estimates))
        net.train()(x)
        assert not any(map(torch.equal, before, estimates))


def test_spectral_net_can_be_copied(spectral_net):
    copy = deepcopy(spectral_net).eval()
    assert torch.equal(copy(X), spectral_net.eval()(X))
    with torch.no_grad():
        copy[3].parametrizations.weight.original.add_(1)
    assert not torch.equal(copy(X), spectral_net(X))


@pytest.mark.parametrize("norm", sorted(layers.NORMS.keys() - {"spectral"}))
def test_other_norms_leave_the_weights_alone(norm):
    net = nn.Sequential(nn.Linear(3, 3))
    layers.normalise_weights(net, norm)
    assert set(net.state_dict()) == {"0.weight", "0.bias"}


def test_possible_sizes_are_those_of_a_search():
    pairs = {b * 2**k: (b, k) for b in range(4, 8) for k in range(1, 8)}
    for size in range(2, 512):
        try:
            assert layers.base_and_doublings(size, "dcgan") == pairs[size]
        except InputError:
            assert size not in pairs


@pytest.mark.parametrize(("size", "nearest"), [(30, "28 or 32"), (9, "8 or 10"), (4, "8"), (100, "96 or 112")])
def test_impossible_size_names_the_nearest(size, nearest):
    sizes = "sizes are 4, 5, 6 or 7 times 2, 4, 8, ..."
    sentence = f"data.image_size={size} is not supported by network=dcgan ({sizes}): use {nearest}"
    with pytest.raises(InputError) as error:
        layers.base_and_doublings(size, "dcgan")
    assert str(error.value) == sentence


def test_points_are_refused_with_the_network_that_makes_them():
    with pytest.raises(InputError) as error:
        layers.base_and_doublings(1, "resnet")
    assert str(error.value) == "network=resnet makes images, but data of size 1 are points: use network=mlp"
