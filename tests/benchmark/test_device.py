import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gan_lab.benchmark.device import FlopCounter, PeakMemory, matmul_peak

CPU = torch.device("cpu")


def test_flops_of_a_product_and_its_backward():
    a, b = torch.randn(4, 8, requires_grad=True), torch.randn(8, 16, requires_grad=True)
    with FlopCounter() as counter:
        for _ in range(2):
            (a @ b).sum().backward()
    assert counter.total == 2 * 3 * 2 * 4 * 8 * 16


def test_flops_of_a_convolution_and_its_gradients_are_those_that_torch_counts():
    x, w = torch.randn(2, 4, 8, 8, requires_grad=True), torch.randn(4, 4, 3, 3, requires_grad=True)
    counts = []
    for counter in (FlopCounter(), FlopCounterMode(display=False)):
        with counter:
            torch.nn.functional.conv2d(x, w, stride=2, padding=1).square().sum().backward()
        counts.append(counter.total if isinstance(counter, FlopCounter) else counter.get_total_flops())
    assert counts[0] == counts[1] == 3 * 2 * (2 * 4 * 4) * (4 * 4 * 9)


@pytest.mark.parametrize(("convolve", "shape", "positions"), [
    (torch.nn.functional.conv2d, (4, 2, 3, 3), 4 * 4), (torch.nn.functional.conv_transpose2d, (4, 2, 3, 3), 8 * 8)
])  # fmt: skip
def test_of_groups_each_gradient_takes_as_many_flops_as_the_convolution(convolve, shape, positions):
    x, w = torch.randn(2, 4, 8, 8, requires_grad=True), torch.randn(shape, requires_grad=True)
    with FlopCounter() as counter:
        convolve(x, w, groups=2, stride=2, padding=1).square().sum().backward()
    assert counter.total == 3 * 2 * (2 * positions) * (2 * 2 * 2 * 9)


def test_flops_of_a_penalty_are_those_of_its_double_backward():
    x, w = torch.randn(4, 8, requires_grad=True), torch.randn(8, 1, requires_grad=True)
    with FlopCounter() as counter:
        (gradient,) = torch.autograd.grad((x @ w).sum(), x, create_graph=True)
        gradient.square().sum().backward()
    assert counter.total == 3 * 2 * 4 * 8


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_the_peak_is_a_speed_and_leaves_the_precision_of_products_as_it_was(precision):
    before = torch.backends.cuda.matmul.allow_tf32
    assert matmul_peak(CPU, precision, seconds=0.01) > 1e7
    assert torch.backends.cuda.matmul.allow_tf32 == before


def test_a_cpu_has_no_peak_memory():
    with PeakMemory(CPU) as memory:
        torch.zeros(10)
    assert memory.bytes is None
