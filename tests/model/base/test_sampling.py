import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.training.build import build
from tests.tiny import tiny


@pytest.fixture(scope="module")
def gan():
    return build(tiny("model=cgan"))


def test_a_number_stands_for_the_first_samples(gan):
    assert torch.equal(gan.sample(5), gan.sample(range(5)))
    torch.testing.assert_close(gan.sample(5)[3:4], gan.sample([3]))


def test_classes_are_taken_in_turn_as_numbers_or_their_text(gan):
    assert gan.labels(range(4)).tolist() == [0, 1, 2, 0]
    assert gan.labels(range(4), [2, 1]).tolist() == [2, 1, 2, 1]
    assert torch.equal(gan.sample(2, classes=["2"]), gan.sample(2, classes=[2]))


def test_classes_are_taken_by_their_names_before_a_text_of_a_number(gan, monkeypatch):
    monkeypatch.setattr(gan, "class_names", ("cat", "dog", "1"), raising=False)
    assert gan.labels(range(3), ["dog", 0]).tolist() == [1, 0, 1]
    assert gan.labels(range(2), ["1", 1]).tolist() == [2, 1]
    with pytest.raises(InputError, match=r"no class cta, use 0 to 2 or a name \(of cat, dog, 1\); did you mean 'cat'\?$"):
        gan.labels(range(3), ["cta"])


@pytest.mark.parametrize("bad", [3, -1, "cat"])
def test_a_class_that_does_not_exist_is_named(gan, bad):
    with pytest.raises(InputError, match=rf"there is no class {bad}, use 0 to 2$"):
        gan.sample(1, classes=[bad])


def test_a_gan_without_labels_takes_no_classes():
    with pytest.raises(InputError, match="this GAN was trained without labels: leave out classes="):
        build(tiny("model=gan")).sample(1, classes=[0])


def test_sampling_leaves_g_in_its_mode_and_torchs_random_state_as_it_was(gan):
    gan.train()
    before = torch.random.get_rng_state()
    gan.sample(3, ema=False)
    assert gan.generator.training
    assert torch.equal(torch.random.get_rng_state(), before)


def test_only_labels_that_are_vectors_of_numbers_have_a_range(gan, monkeypatch):
    assert gan.label_range is None
    monkeypatch.setattr(gan, "labels", lambda indices: torch.tensor([[index % 3, -index % 7] for index in indices]).float())
    low, high = gan.label_range
    assert (low.tolist(), high.tolist()) == ([0, 0], [2, 6])
