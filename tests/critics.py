"""Critics whose gradients are known, and batches that they judge."""

import torch
from torch import nn

from gan_lab.model.batch import Batch, StepContext
from gan_lab.rng import StepRNG

WEIGHT = torch.tensor([3.0, 4.0])


class LinearCritic(nn.Module):
    def __init__(self, weight=WEIGHT):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, x, y=None):
        return x.flatten(1) @ self.weight


class CurvedCritic(nn.Module):
    """D(x) = a |x|^2 / 2, the sum of its features: its gradient is a x."""

    def __init__(self, a=1.0, dropout=0.0):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))
        self.dropout = nn.Dropout(dropout)

    def features(self, x, y=None):
        return self.dropout(self.a * x.flatten(1).square() / 2)

    def head(self, features, y=None):
        return features.sum(1)

    def forward(self, x, y=None):
        return self.head(self.features(x, y), y)


def points(n=6, seed=0):
    return torch.randn(n, 2, 1, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batch(n=6, step=0, images_seen=0, dtype=torch.float32, critic=None, part=0):
    real, fake = points(n).to(dtype), points(n, 1).to(dtype)
    parts = (critic.features, critic.head) if hasattr(critic, "head") else (None, None)
    return Batch(real, fake, None, None, critic, StepContext(StepRNG(0, step), images_seen, step, part=part), *parts)


def scored(real, fake, step=0, images_seen=0, part=0):
    """A batch of these scores."""
    made = batch(len(real), step, images_seen, part=part)
    made.__dict__ |= {"real_logits": torch.tensor(real), "fake_logits": torch.tensor(fake)}
    return made
