import pytest
import torch

from gan_lab.evaluation.extractor.pixels import Pixels


def test_images_are_features_in_minus_one_to_one():
    features, logits = Pixels()(torch.tensor([[[[0, 255], [255, 0]]]], dtype=torch.uint8))
    assert features.tolist() == [[-1, 1, 1, -1]]
    assert logits is None


@pytest.mark.parametrize("shape", [(3, 2, 1, 1), (3, 2, 16), (3, 5)], ids=["points", "signals", "vectors"])
def test_floats_stay_as_they_are(shape):
    samples = torch.randn(shape)
    assert torch.equal(Pixels()(samples)[0], samples.flatten(1))
