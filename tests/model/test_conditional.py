import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.model.conditional import LabelledGenerator, labelled, require_labels


class Echo(nn.Module):
    """Gives its latents back."""

    latent_dim = 12

    def forward(self, z, y=None):
        return z


def test_the_last_latents_are_the_embedded_label():
    g = LabelledGenerator(Echo(), num_classes=3, embedding_dim=4)
    assert (g.latent_dim, g.num_classes) == (8, 3)
    out = g(torch.zeros(2, 8), torch.tensor([2, 0]))
    assert torch.equal(out, torch.cat([torch.zeros(2, 8), g.embedding.weight[[2, 0]]], 1))


def test_any_embedding_may_stand_for_labels_that_are_no_classes():
    g = LabelledGenerator(Echo(), None, 4, nn.Linear(1, 4))
    y = torch.tensor([[0.3], [0.7]])
    assert g.num_classes is None
    assert torch.equal(g(torch.zeros(2, 8), y), torch.cat([torch.zeros(2, 8), g.embedding(y)], 1))


def test_latents_too_few_for_the_label_are_refused():
    with pytest.raises(InputError, match=r"latent_dim=12 leaves no room for the 12 numbers that stand for a label: use 24"):
        LabelledGenerator(Echo(), 3, embedding_dim=12)


def test_a_generator_that_takes_labels_is_left_as_it_is():
    own = Echo()
    own.num_classes = 3
    assert labelled(own, 3) is own
    assert isinstance(labelled(Echo(), 3), LabelledGenerator)


def test_a_model_without_labels_to_learn_from_is_refused():
    assert require_labels(10, "cgan") == 10
    with pytest.raises(InputError, match=r"^model=cgan learns from labels, and these data have none: give data\.num_classes"):
        require_labels(None, "cgan")
