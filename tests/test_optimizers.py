import pytest
import torch
from torch import nn

from gan_lab.model.base.step import set_option
from gan_lab.optimizers import DeviceAdam, MuonAdam, orthogonalize
from gan_lab.training.capture import put_on_device
from tests.tiny import fit, tiny

needs_muon = pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)], ids=str)


@needs_muon
def test_on_matrices_it_takes_torchs_own_steps(shape):
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(4, *shape)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    steps = [MuonAdam([ours], muon_lr=0.1), torch.optim.Muon([theirs], lr=0.1, weight_decay=0.0)]
    for gradient in gradients:
        for weight, optimizer in zip((ours, theirs), steps, strict=True):
            weight.grad = gradient.clone()
            optimizer.step()
    assert not torch.equal(ours, start)
    torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=2e-2)  # bfloat16, in another order of sums


def test_a_convolution_is_the_matrix_of_its_output_channels():
    torch.manual_seed(0)
    start, gradient = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2)
    conv, flat = nn.Parameter(start.clone()), nn.Parameter(start.flatten(1).clone())
    conv.grad, flat.grad = gradient, gradient.flatten(1)
    for weight in (conv, flat):
        MuonAdam([weight], muon_lr=0.1).step()
    assert torch.equal(conv.flatten(1), flat)


def test_all_else_takes_adams_steps():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    for net, optimizer in (
        (ours, MuonAdam(ours.parameters(), lr=0.1)),
        (theirs, torch.optim.Adam([theirs.bias], 0.1, (0.5, 0.999))),
    ):
        net(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()
    assert torch.equal(ours.bias, theirs.bias)
    assert ours.weight.grad is not None and not torch.equal(ours.weight, theirs.weight)


def test_singular_values_come_near_1():
    values = torch.linalg.svdvals(orthogonalize(torch.randn(20, 8, generator=torch.Generator().manual_seed(0))).float())
    assert values.min() > 0.5 and values.max() < 1.3


def test_a_weight_without_a_gradient_stays():
    weight = nn.Parameter(torch.ones(2, 2))
    MuonAdam([weight]).step()
    assert torch.equal(weight, torch.ones(2, 2))


def test_each_group_follows_the_schedule_from_its_own_rate_on_a_resumed_run_too(tmp_path):
    options = ["model=gan", "optimizer=muon_adam", "schedule=linear", "optimizer.d.muon_lr=0.08", "optimizer.d.lr=0.4"]
    fit(tiny(*options, images=8)).trainer.save_checkpoint(tmp_path / "half.ckpt")
    whole, resumed = fit(tiny(*options, images=16)), fit(tiny(*options, images=16), ckpt_path=tmp_path / "half.ckpt")
    for gan in (whole, resumed):
        rates = {group.get("momentum"): group["lr"] for group in gan.optimizer_of("d").param_groups}
        assert rates == {None: pytest.approx(0.4 * 0.25), 0.95: pytest.approx(0.08 * 0.25)}


@pytest.mark.parametrize("beta1", [0.0, 0.9])
def test_rates_and_betas_on_the_device_make_the_steps_of_numbers(beta1):
    weights, mine = ([nn.Parameter(torch.linspace(-1, 1, 6).view(2, 3)), nn.Parameter(torch.ones(4))] for _ in "ab")
    numbers, tensors = (torch.optim.Adam(each, betas=(beta1, 0.9), weight_decay=0.1) for each in (weights, mine))
    for step in range(6):
        if step == 2:  # a run is captured after its first steps
            put_on_device(tensors, torch.device("cpu"), ("lr", "betas"))
            assert type(tensors) is DeviceAdam
        for optimizer in (numbers, tensors):
            set_option(optimizer.param_groups[0], "lr", 0.1 / (step + 1))
            set_option(optimizer.param_groups[0], "betas", (beta1, 0.9 + 0.01 * step))
        for weight, other in zip(weights, mine, strict=True):
            weight.grad, other.grad = (torch.sin(each.detach() * (step + 1)) for each in (weight, other))
        numbers.step()
        tensors.step()
    assert torch.is_tensor(tensors.param_groups[0]["betas"][1])
    for weight, other in zip(weights, mine, strict=True):
        torch.testing.assert_close(other, weight, rtol=1e-5, atol=1e-6)
