import pytest
import torch

from gan_lab.data.digits import digits
from gan_lab.data.pixels import to_unit
from gan_lab.evaluation.extractor.train_digits8 import train


@pytest.mark.slow
def test_training_reaches_the_accuracy_of_the_committed_weights():
    with torch.random.fork_rng(devices=[]):
        model, held_out = train(digits("train")), digits("held_out")
    assert (model(to_unit(held_out.images)).argmax(1) == held_out.labels).double().mean() >= 0.98
