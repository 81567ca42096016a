from dataclasses import replace

import pytest
import torch
from torch import nn

from gan_lab.data.arrays import Arrays
from gan_lab.data.digits import digits
from gan_lab.data.module import Data
from gan_lab.data.pixels import to_unit
from gan_lab.evaluation.extractor import classifier
from gan_lab.evaluation.extractor.classifier import Recipe, accuracy, batches, network, train, widths

RECIPE = Recipe(epochs=2, batch_size=128, max_lr=5e-3, label_smoothing=0.1, flip=False, seed=0)
CPU = torch.device("cpu")


def noise(n, channels=1, size=8):
    """Images whose label, 0 or 1, is whether they are bright."""
    labels = torch.arange(n) % 2
    levels = torch.randint(0, 100, (n, channels, size, size), generator=torch.Generator().manual_seed(n))
    return Arrays((levels + 100 * labels[:, None, None, None]).to(torch.uint8), labels)


def data(train_set, held_out, num_classes=2):
    channels, size, _ = train_set.images.shape[1:]
    made = Data(
        lambda: train_set, lambda: held_out, channels=channels, image_size=size, num_classes=num_classes, batch_size=1, seed=0
    )
    made.setup()
    return made


def learned(images, recipe=RECIPE):
    return train(images, recipe, CPU, lambda n: None)


@pytest.fixture(scope="module")
def digit_data():
    return data(digits("train"), digits("held_out"), 10)


@pytest.fixture(scope="module")
def digit_model(digit_data):
    return learned(digit_data)


# ----- the network ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "channels"),
    [(4, [64, 128]), (8, [64, 128]), (28, [16, 32, 64, 128]), (32, [16, 32, 64, 128]), (64, [16, 16, 32, 64, 128])],
)
def test_the_channels_double_where_the_sides_are_halved(size, channels):
    assert widths(size) == channels


def test_fewer_features_make_a_smaller_network():
    model = network(1, 28, 26, num_features=64)
    assert widths(28, 64) == [16, 16, 32, 64]
    assert model[1](model[0](torch.zeros(2, 1, 28, 28))).shape == (2, 26)
    assert sum(weight.numel() for weight in model.parameters()) < 80_000


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (1, 28), (3, 32), (3, 33), (2, 50), (3, 64)])
def test_images_of_any_size_have_128_features(channels, size):
    model = network(channels, size, 7)
    features = model[0](torch.zeros(2, channels, size, size))
    assert features.shape == (2, 128)
    assert model[1](features).shape == (2, 7)
    assert 200_000 < sum(weight.numel() for weight in model.parameters()) < 400_000


# ----- how it learns -------------------------------------------------------------------------------------------------------


def test_every_epoch_shows_each_image_once_in_an_order_of_its_own():
    steps = batches(12, replace(RECIPE, batch_size=4, epochs=3))
    epochs = [torch.cat(steps[first : first + 3]).tolist() for first in (0, 3, 6)]
    assert [sorted(epoch) for epoch in epochs] == [[*range(12)]] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert not torch.equal(torch.cat(batches(12, replace(RECIPE, seed=1))), torch.cat(batches(12, RECIPE)))


@pytest.mark.parametrize(("n", "sizes"), [(13, [4] * 6), (3, [3] * 2), (1, [1] * 2)])
def test_all_steps_take_as_many_images_and_leave_out_what_is_left_over(n, sizes):
    assert [len(rows) for rows in batches(n, replace(RECIPE, batch_size=4))] == sizes


@pytest.mark.slow
def test_it_learns_the_digits_in_two_epochs(digit_model, digit_data):
    assert accuracy(digit_model, digit_data, CPU) > 0.85


def test_accuracy_is_the_share_of_held_out_images_that_it_knows():
    images = data(noise(8), noise(300))  # more than one batch
    knows = lambda x: nn.functional.one_hot((x.flatten(1).mean(1) > 0).long(), 2)  # noqa: E731
    assert accuracy(knows, images, CPU) == 1
    assert accuracy(lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), 2), images, CPU) == 0.5


def test_no_feature_is_dead(digit_model):
    with torch.no_grad():
        features = digit_model[0](to_unit(digits("train").images)).double()
    assert torch.linalg.matrix_rank(torch.cov(features.T), hermitian=True) == 128


def test_it_is_frozen_afterwards(digit_model):
    before = {name: tensor.clone() for name, tensor in digit_model.state_dict().items()}
    digit_model(to_unit(digits("train").images[:9]))
    assert not any(module.training for module in digit_model.modules())
    assert not any(weight.requires_grad for weight in digit_model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in digit_model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "same"),
    [({}, True), ({"seed": 1}, False), ({"flip": True}, False), ({"label_smoothing": 0.0}, False), ({"max_lr": 1e-3}, False)],
)
def test_the_recipe_alone_decides_the_weights(change, same):
    images = data(noise(32), noise(2))
    recipe = replace(RECIPE, batch_size=16)
    first = learned(images, recipe)
    torch.rand(1)
    other = learned(images, replace(recipe, **change))
    assert torch.equal(first[1].weight, other[1].weight) == same


def test_the_global_random_state_stays():
    torch.rand(1)
    before = torch.get_rng_state()
    learned(data(noise(4), noise(2)))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_progress_is_told_of_every_image():
    told = []
    train(data(noise(10), noise(2)), replace(RECIPE, batch_size=4), CPU, told.append)
    assert told == [4, 4, 4, 4]


@pytest.mark.parametrize("flips", [True, False])
def test_images_are_mirrored_where_the_recipe_says_so(flips):
    images, recipe = noise(64).images, replace(RECIPE, flip=flips)
    seen = [classifier._augmented(images, recipe, step) for step in (0, 1)]
    mirrored = [(x == to_unit(images).flip(-1)).flatten(1).all(1) for x in seen]
    kept = [(x == to_unit(images)).flatten(1).all(1) for x in seen]
    assert all(torch.equal(k, ~m) for k, m in zip(kept, mirrored, strict=True))
    assert [0 < int(m.sum()) < 64 for m in mirrored] == [flips] * 2
    assert torch.equal(mirrored[0], mirrored[1]) != flips
