import pytest
import torch
from torch.nn.functional import batch_norm

from gan_lab.network.virtual_batch_norm import VirtualBatchNorm


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def state(layer):
    return [buffer.clone() for buffer in layer.buffers()]


@pytest.fixture(params=[(8, 3, 3), (8,)], ids=["maps", "vectors"])
def virtual(request):
    """A virtual batch norm with a gain and shift of its own, its reference, and a later batch."""
    layer = VirtualBatchNorm(8)
    with torch.no_grad():
        layer.gain.copy_(normal(8))
        layer.shift.copy_(normal(8) + 1)
    reference, later = (3 * normal(12, *request.param) + 2).split(6)
    layer(reference)
    return layer, reference, later


def test_it_is_batch_norm_of_the_reference_and_the_example(virtual):
    layer, reference, later = virtual
    for examples in (reference, later):
        for example, found in zip(examples, layer(examples), strict=True):
            together = batch_norm(torch.cat([reference, example[None]]), None, None, layer.gain, layer.shift, training=True)
            torch.testing.assert_close(found, together[-1])


def test_it_does_not_mix_examples(virtual):
    layer, _, later = virtual
    torch.testing.assert_close(layer(later)[:1], layer(later[:1]))
    fresh, first = VirtualBatchNorm(8), later.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fresh(first)[0].square().sum(), first)
    assert gradient[0].any()
    assert not gradient[1:].any()


def test_it_keeps_its_first_reference_in_evaluation_and_checkpoints(virtual):
    layer, _, later = virtual
    before = state(layer)
    layer(later)
    assert all(map(torch.equal, before, state(layer)))
    loaded = VirtualBatchNorm(8)
    loaded.load_state_dict(layer.state_dict())
    assert torch.equal(loaded(later), layer(later))
    assert torch.equal(loaded.eval()(later), layer(later))


def test_it_changes_nothing_before_its_reference():
    x = normal(4, 8, 3, 3)
    torch.testing.assert_close(VirtualBatchNorm(8).eval()(x), x, rtol=1e-4, atol=1e-4)


def test_it_stands_a_mean_far_above_the_deviation():
    assert VirtualBatchNorm(8)(1e4 + 1e-3 * normal(4, 8, 3, 3)).isfinite().all()
