import pytest
import torch

from gan_lab.data.letters import HELD_OUT, TRAIN, letters


@pytest.fixture(scope="module")
def drawn():
    return letters("train", 1000, 28, seed=1)


def test_every_letter_is_there_centred_and_neither_cut_nor_faint(drawn):
    assert (drawn.images.shape, drawn.images.dtype) == ((1000, 1, 28, 28), torch.uint8)
    assert drawn.classes[0] == "A" and len(drawn.classes) == 26
    assert drawn.labels.bincount(minlength=26).min() > 10
    assert drawn.images.flatten(1).max(1).values.min() > 150
    edge = torch.cat([drawn.images[..., 0].flatten(1), drawn.images[..., -1].flatten(1)], 1)
    assert (edge.float().mean(1) > 20).float().mean() < 0.02


def test_a_sample_is_a_function_of_seed_and_index(drawn):
    again, other = letters("train", 100, 28, seed=1), letters("train", 100, 28, seed=2)
    assert torch.equal(again.images, drawn.images[:100]) and torch.equal(again.labels, drawn.labels[:100])
    assert not torch.equal(other.images, again.images)


def test_fonts_are_held_out_whole_and_differ():
    assert not {*TRAIN} & {*HELD_OUT}
    assert not torch.equal(letters("held_out", 4, 16, seed=1).images, letters("train", 4, 16, seed=1).images)


def test_nearest_class_means_tell_letters_apart_in_fonts_that_they_have_not_seen(drawn):
    held_out = letters("held_out", 300, 28, seed=2)
    means = torch.stack([drawn.images[drawn.labels == k].float().mean(0).flatten() for k in range(26)])
    guessed = torch.cdist(held_out.images.flatten(1).float(), means).argmin(1)
    assert (guessed == held_out.labels).float().mean() > 0.4  # chance is 0.04
