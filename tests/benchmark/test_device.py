import pytest
import torch

from gan_lab.benchmark.device import PeakMemory, flops, matmul_peak

CPU = torch.device("cpu")


def test_flops_of_a_product_and_its_backward():
    a, b = torch.randn(4, 8, requires_grad=True), torch.randn(8, 16, requires_grad=True)
    assert flops(lambda: (a @ b).sum().backward(), 2) == 2 * 3 * 2 * 4 * 8 * 16


def test_flops_of_a_penalty_are_those_of_its_double_backward():
    x, w = torch.randn(4, 8, requires_grad=True), torch.randn(8, 1, requires_grad=True)

    def step():
        (gradient,) = torch.autograd.grad((x @ w).sum(), x, create_graph=True)
        gradient.square().sum().backward()

    assert flops(step, 1) == 3 * 2 * 4 * 8


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_the_peak_is_a_speed_and_leaves_the_precision_of_products_as_it_was(precision):
    before = torch.backends.cuda.matmul.allow_tf32
    assert matmul_peak(CPU, precision, seconds=0.01) > 1e7
    assert torch.backends.cuda.matmul.allow_tf32 == before


def test_a_cpu_has_no_peak_memory():
    with PeakMemory(CPU) as memory:
        torch.zeros(10)
    assert memory.bytes is None
