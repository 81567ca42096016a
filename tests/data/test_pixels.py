import pytest
import torch

from gan_lab.data.pixels import dequantize, flip, from_span, to_span, to_uint8, to_unit

LEVELS = torch.arange(256, dtype=torch.uint8)


def test_every_grey_level_survives_the_round_trip():
    assert torch.equal(to_uint8(to_unit(LEVELS)), LEVELS)


def test_unit_runs_from_minus_one_to_one():
    unit = to_unit(LEVELS)
    assert unit.dtype == torch.float32
    assert unit.aminmax() == (-1, 1)


@pytest.mark.parametrize("value, level", [(-2.0, 0), (-1.0, 0), (-0.9965, 0), (-0.9955, 1), (0.999, 255), (1.5, 255)])
def test_uint8_clips_and_rounds_to_the_nearest(value, level):
    assert to_uint8(torch.tensor([value])).item() == level


def test_half_precision_is_not_rounded_twice():
    images = torch.linspace(-1, 1, 1001).bfloat16()
    assert torch.equal(to_uint8(images), to_uint8(images.double()))


def test_dequantized_levels_are_bins_of_width_1_over_128():
    low = dequantize(LEVELS, torch.zeros(256))
    high = dequantize(LEVELS, torch.full((256,), 0.999))
    assert torch.allclose(low, LEVELS / 128 - 1)
    assert torch.allclose(high - low, torch.tensor(0.999 / 128), atol=1e-6)
    assert low.min() == -1
    assert high.max() < 1


def test_flip_mirrors_the_images_below_one_half():
    images = torch.arange(2 * 3 * 4).view(2, 1, 3, 4)
    flipped = flip(images, torch.tensor([0.4, 0.5]))
    assert torch.equal(flipped[0, 0, :, 0], images[0, 0, :, 3])
    assert torch.equal(flipped[1], images[1])


def test_spans_become_minus_one_to_one_and_back():
    table, span = torch.tensor([[0.0, 10.0], [4.0, 30.0]]), ([0, 10], [4, 30])
    assert from_span(table, *span).tolist() == [[-1, -1], [1, 1]]
    signals = torch.rand(3, 2, 5) * 4
    torch.testing.assert_close(from_span(signals, 0, 4), signals / 2 - 1)
    torch.testing.assert_close(to_span(from_span(signals, *span), *span), signals)
    torch.testing.assert_close(
        from_span(torch.arange(256, dtype=torch.uint8)[:, None], 0, 255), to_unit(torch.arange(256)[:, None])
    )
