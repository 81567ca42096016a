import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_lab import regularizers
from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext
from gan_lab.regularizers import L2, FeatureMatching, Orthogonal, Transport, matrices, off_diagonal
from gan_lab.rng import StepRNG
from gan_lab.schedules import Linear
from tests.tiny import context, fit, tiny


def batch(images_seen=0, real=1, fake=1, features=None):
    made = Batch(torch.zeros(real), torch.zeros(fake), None, None, None, StepContext(StepRNG(0), images_seen))
    if features:
        made.__dict__ |= dict(zip(("real_features", "fake_features"), features, strict=True))
    return made


def net():
    made = nn.Linear(2, 1)
    made.weight.data = torch.tensor([[1.0, 2.0]])
    made.bias.data = torch.tensor([3.0])
    return made


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_l2_is_the_sum_of_the_squares_of_all_weights_biases_too():
    assert L2(0.5)(net(), batch()).item() == pytest.approx(0.5 * (1 + 4 + 9))


def test_its_gradient_shrinks_the_weights():
    network = net()
    L2(0.5)(network, batch()).backward()
    assert torch.equal(network.weight.grad, network.weight)


@pytest.mark.parametrize("regularizer", [L2, Orthogonal, FeatureMatching])
def test_its_weight_may_be_a_schedule_in_images(regularizer):
    network, features = nn.Linear(3, 2), (random(4, 5), random(4, 5, seed=1))
    values = [
        regularizer(weight)(network, batch(50, features=features)).item() for weight in (Linear(last_image=100), 0.5, 1.0)
    ]
    assert values[0] == values[1] == pytest.approx(values[2] / 2)
    assert values[0] > 0


# ----- transport --------------------------------------------------------------------------------------------------------


def test_transport_is_the_mean_square_of_the_way_from_the_latents():
    seen = batch()
    seen.fake, seen.z = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]), torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    assert Transport(0.5)(None, seen).item() == pytest.approx(0.5 * (0 + 4 + 9 + 0) / 4)
    seen.z = torch.zeros(2, 3)
    with pytest.raises(
        InputError, match=r"a sample has 2 numbers where a latent has 3: change network\.generator\.latent_dim by -1"
    ):
        Transport(0.5)(None, seen)


# ----- orthogonal -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 4), (1, 5), (5, 1)])
def test_only_products_of_two_different_rows_count(shape):
    rows = random(*shape)
    pairs = [(rows[i] @ rows[j]) ** 2 for i in range(len(rows)) for j in range(len(rows)) if i != j]
    masked = ((rows @ rows.T) * (1 - torch.eye(len(rows)))).square().sum()  # as eq. 3 is written
    torch.testing.assert_close(off_diagonal(rows), masked)
    assert off_diagonal(rows).item() == pytest.approx(float(sum(pairs)), abs=1e-12)


def test_orthogonal_rows_of_any_length_cost_nothing_and_have_no_gradient():
    network = nn.Linear(6, 4)
    network.weight.data = torch.diag(torch.tensor([1.0, 2.0, 3.0, 0.5]))[:, [0, 1, 2, 3, 0, 1]] * torch.tensor(
        [1.0] * 4 + [0.0] * 2
    )
    value = Orthogonal(1.0)(network, batch())
    value.backward()
    assert value.item() == 0
    assert network.weight.grad.abs().max() == 0


def test_a_step_along_its_gradient_makes_rows_more_orthogonal():
    network = nn.Linear(8, 4).double()
    before = Orthogonal(1.0)(network, batch())
    before.backward()
    network.weight.data -= 0.01 * network.weight.grad
    assert Orthogonal(1.0)(network, batch()) < before
    assert network.bias.grad is None


def test_the_gradient_is_that_of_the_formula():
    network = nn.Linear(5, 3).double()
    Orthogonal(1.0)(network, batch()).backward()
    w = network.weight.detach()
    torch.testing.assert_close(network.weight.grad, 4 * ((w @ w.T) * (1 - torch.eye(3))) @ w)


def test_a_row_is_what_makes_one_output_and_embeddings_norms_and_biases_are_left_out():
    network = nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ConvTranspose2d(5, 4, 2), nn.Linear(6, 7), nn.Embedding(8, 9)
    )
    assert [tuple(matrix.shape) for matrix in matrices(network)] == [(5, 18), (4, 20), (7, 6)]
    _, transposed, _ = matrices(network)
    assert torch.equal(transposed[1], network[2].weight[:, 1].flatten())


def test_with_spectral_norm_the_normalised_weight_counts():
    layer = nn.Linear(6, 4).double()
    plain = off_diagonal(layer.weight) / torch.linalg.matrix_norm(layer.weight, 2) ** 4
    spectral_norm(layer, n_power_iterations=200)
    value = Orthogonal(1.0)(layer, batch())
    assert value.item() == pytest.approx(plain.item())
    value.backward()
    assert layer.parametrizations.weight.original.grad.abs().max() > 0
    assert len(list(matrices(layer))) == 1


def test_a_spectrally_normalised_embedding_is_left_out_too():
    assert not list(matrices(spectral_norm(nn.Embedding(8, 9))))


def test_it_is_taken_in_float32_under_autocast():
    layer = nn.Linear(6, 4)
    plain = Orthogonal()(layer, batch())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Orthogonal()(layer, batch()), plain)


def test_a_generator_without_matrices_costs_nothing():
    assert Orthogonal()(nn.BatchNorm2d(3), batch()).item() == 0


# ----- feature matching -------------------------------------------------------------------------------------------------


def test_feature_matching_is_the_squared_distance_of_the_mean_features():
    real, fake = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0], [0.0, 3.0], [3.0, 3.0]])
    assert FeatureMatching()(net(), batch(features=(real, fake))).item() == pytest.approx((2 - 1) ** 2 + (3 - 2) ** 2)


def test_its_gradient_moves_fakes_towards_reals_and_never_the_reals():
    real, fake = random(4, 3).requires_grad_(), random(6, 3, seed=1).requires_grad_()
    FeatureMatching(2.0)(net(), batch(features=(real, fake))).backward()
    assert real.grad is None
    torch.testing.assert_close(fake.grad, (2 * 2 * (fake.mean(0) - real.mean(0)) / 6).expand(6, 3).detach())


# ----- chosen -----------------------------------------------------------------------------------------------------------


def test_regularizers_compose_by_name():
    assert list(compose("train", ["regularizer=[l2,orthogonal,feature_matching]"]).regularizer) == [
        "l2",
        "orthogonal",
        "feature_matching",
    ]


@pytest.mark.parametrize("name", ["orthogonal", "feature_matching", "l2"])
@pytest.mark.parametrize("model", ["dcgan", pytest.param("hinge", marks=pytest.mark.slow)])
def test_each_trains_every_kind_of_pair_and_moves_g_alone(model, name):
    networks = ["network.generator.width=8", "network.discriminator.width=8", "network.generator.norm=spectral"]
    overrides = [f"model={model}", *networks, "model.g_batch_ratio=2"]
    plain, more = (fit(tiny(*overrides, f"regularizer={chosen}", images=4)) for chosen in ("none", name))
    assert more.tracked[name].item() > 0
    equal = {
        part: [torch.equal(a, b) for a, b in zip(*(getattr(gan, part).parameters() for gan in (plain, more)), strict=True)]
        for part in ("generator", "discriminator")
    }
    assert all(equal["discriminator"])
    assert not all(equal["generator"])


# ----- path length -------------------------------------------------------------------------------------------------------


class LinearSynthesis(nn.Module):
    """Images A w of the sum of two styles."""

    num_styles = 2

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))

    def forward(self, w):
        return (w.sum(1) @ self.a.T).view(-1, 3, 2, 2)


def test_the_path_length_of_a_linear_synthesis_is_that_of_its_matrix():
    """J^T n = A^T n for each style: its expected square is |A|^2 / (H W)."""
    synthesis, w = LinearSynthesis(), torch.zeros(20_000, 2, 3, dtype=torch.float64, requires_grad=True)
    lengths = regularizers.path_lengths(synthesis, w, StepRNG(0))
    expected = synthesis.a.square().sum() / 4
    assert lengths.square().mean().item() == pytest.approx(expected.item(), rel=0.02)
    (gradient,) = torch.autograd.grad(lengths.sum(), synthesis.a)
    assert gradient.abs().min() > 0


def test_its_mean_follows_the_lengths_in_training_alone():
    gan = fit(tiny("model=stylegan2", "regularizer.path_length.interval=1", "regularizer.path_length.decay=0.5", images=16))
    term = gan.regularizers["path_length"]
    assert term.mean > 0
    before = term.mean.clone()
    term.eval()(gan.generator, gan.generator_batch(torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.long), context(gan)))
    assert torch.equal(term.mean, before)
