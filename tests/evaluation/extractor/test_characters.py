import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.characters import Characters


def test_features_are_the_most_probable_characters():
    probabilities = torch.tensor([[[0.2, 0.9], [0.5, 0.0], [0.3, 0.1]]])  # (1, C=3, L=2)
    features, logits = Characters()(probabilities)
    assert features.tolist() == [[1.0, 0.0]]
    assert logits is None


def test_images_are_refused():
    with pytest.raises(InputError, match="reads text, not samples of 1x8x8: use data=text_lines"):
        Characters()(torch.zeros(2, 1, 8, 8))
