"""A small convolutional classifier for images of any size, and its training: the network of ``extractor=trained``."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan_lab.data.module import Data
from gan_lab.data.pixels import flip, to_unit
from gan_lab.rng import StepRNG, Stream, key, make_generator
from gan_lab.sizes import height_and_width

VERSION = 1
"""Raise it with any change to the network or its training: other weights must have another key."""

NUM_FEATURES = 128  # few enough that the covariance of 1,000 images has full rank
FEWEST_CHANNELS = 16
LAST_SIZE = 4  # pixels a side, about, of the last feature maps


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, beside the images, the machine and its number of threads.

    Attributes:
        epochs: passes over the training images.
        batch_size: images of a step.
        max_lr: AdamW's learning rate where the cycle is highest (Smith 2018, https://arxiv.org/abs/1708.07120).
        label_smoothing: keeps the logits small (Szegedy 2016, https://arxiv.org/abs/1512.00567, section 7).
        flip: mirror a random half of the images.
        seed: of the first weights, the order and the flips.
        num_features: d, fewer than the images that are judged, or their covariance is singular.
    """

    epochs: float
    batch_size: int
    max_lr: float
    label_smoothing: float
    flip: bool
    seed: int
    num_features: int = NUM_FEATURES


def widths(image_size: int, num_features: int = NUM_FEATURES) -> list[int]:
    """Return the channels at each resolution; they double where a side is halved, so that all cost about the same."""
    halvings = max(1, round(math.log2(image_size / LAST_SIZE)))
    return [max(FEWEST_CHANNELS, num_features >> left) for left in reversed(range(halvings + 1))]


def network(
    channels: int, image_size: int | Sequence[int], num_classes: int, num_features: int = NUM_FEATURES
) -> nn.Sequential:
    """Build (N, C, H, W) in [-1, 1] -> features (N, d), the mean over the last maps -> logits (N, K).

    LeakyReLU leaves no feature dead. BatchNorm learns in a few epochs, and is frozen with the rest.
    """
    first, *others = widths(min(height_and_width(image_size)), num_features)
    layers = _convolution(channels, first)
    for before, after in zip([first, *others], others, strict=False):
        layers += [*_convolution(before, after, stride=2), *_convolution(after, after)]
    features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(features, nn.Linear(num_features, num_classes)).to(memory_format=torch.channels_last)


def _convolution(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]


def train(data: Data, recipe: Recipe, device: torch.device, advance: Callable[[int], None]) -> nn.Sequential:
    """Train a classifier of the training images and freeze it; the global random state stays as it was.

    Args:
        data: set up, with labels.
        recipe: how.
        device: where.
        advance: told how many images a step has taken.
    """
    assert data.num_classes is not None
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(key(recipe.seed))  # torch.manual_seed would seed GPUs too
        model = network(data.channels, data.image_size, data.num_classes, recipe.num_features)
    model.to(device)
    order = batches(data.num_train, recipe)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.max_lr, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.max_lr, total_steps=len(order))
    loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    size, rows = len(order[0]), torch.cat(order).tolist()
    for step, (images, labels) in enumerate(data.batches(data.train_set, rows, size)):
        assert labels is not None
        optimizer.zero_grad()
        loss(model(_augmented(images.to(device), recipe, step)), labels.to(device)).backward()
        optimizer.step()
        schedule.step()
        advance(len(images))
    return model.requires_grad_(False).eval()


def batches(n: int, recipe: Recipe) -> list[Tensor]:
    """Return the row numbers of every step: equally many, in a new order each epoch, an epoch's remainder unused."""
    size = min(recipe.batch_size, n)
    steps = max(1, round(recipe.epochs * (n // size)))
    epochs = range(math.ceil(steps / (n // size)))
    orders = [torch.randperm(n, generator=make_generator(recipe.seed, Stream.ORDER, epoch)) for epoch in epochs]
    return [rows for order in orders for rows in order[: n // size * size].split(size)][:steps]


def _augmented(images: Tensor, recipe: Recipe, step: int) -> Tensor:
    if not recipe.flip:
        return to_unit(images)
    noise = StepRNG(recipe.seed, Stream.DATA, step, device=images.device)
    return flip(to_unit(images), noise.uniform(len(images)))


@torch.inference_mode()
def accuracy(model: nn.Module, data: Data, device: torch.device) -> float:
    """Return the share of held-out images that it classifies correctly."""
    hits = 0
    for images, labels in data.batches(data.held_out_set, range(len(data.held_out_set)), data.eval_batch_size):
        assert labels is not None
        hits += int((model(to_unit(images.to(device))).argmax(1) == labels.to(device)).sum())
    return hits / len(data.held_out_set)
