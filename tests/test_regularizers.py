import pytest
import torch
from torch import nn

from gan_lab.batch import Batch
from gan_lab.noise import Noise
from gan_lab.regularizers import L2
from gan_lab.schedules import Linear


def batch(images_seen=0):
    return Batch(torch.zeros(1), torch.zeros(1), None, None, None, Noise(0), images_seen)


def net():
    made = nn.Linear(2, 1)
    made.weight.data = torch.tensor([[1.0, 2.0]])
    made.bias.data = torch.tensor([3.0])
    return made


def test_l2_is_the_sum_of_the_squares_of_all_weights_biases_too():
    assert L2(0.5)(net(), batch()).item() == pytest.approx(0.5 * (1 + 4 + 9))


def test_its_gradient_shrinks_the_weights():
    network = net()
    L2(0.5)(network, batch()).backward()
    assert torch.equal(network.weight.grad, network.weight)


def test_its_weight_may_be_a_schedule_in_images():
    assert L2(Linear(last_image=100))(net(), batch(50)).item() == pytest.approx(7)
