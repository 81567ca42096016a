"""Somebody's own module with an adversary: a linear net that repairs noisy signals; and two processes that train it."""

import os
import sys
from functools import partial

import lightning as L
import torch
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset

from gan_lab.adversary import NON_SATURATING, AdaptiveWeight, Adversary, Outputs
from gan_lab.penalties import R1
from tests.pair import launch

QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


class Critic(nn.Module):
    """A discriminator of vectors (N, 4) with a feature to match, or with a batch norm."""

    def __init__(self, norm=False):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8) if norm else nn.Identity(), nn.LeakyReLU(0.2))
        self.last = nn.Linear(8, 2)  # a map of two logits

    def forward(self, x):
        hidden = self.first(x)
        return Outputs([self.last(hidden)], [[hidden]])


def adversary(norm=False, **options):
    options = {
        "loss": NON_SATURATING,
        "optimizer": partial(Adam, lr=1e-2),
        "penalties": {} if norm else {"r1": R1(0.1)},
    } | options
    return Adversary(Critic(norm), **options)


class Host(L.LightningModule):
    """Automatic optimization, and an optimizer of all of its parameters: what a stranger would write."""

    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(4, 4)
        self.adversary = adversary(**{"weight": AdaptiveWeight(), "feature_weight": 0.5} | options)
        self.double()

    def training_step(self, batch, batch_idx):
        noisy, x = (part[self.global_rank :: self.trainer.world_size] for part in batch)  # each process has rows of its own
        made = self.net(noisy)
        reconstruction = (made - x).square().mean()
        self.adversary.d_step(x, made)
        return reconstruction + self.adversary.g_loss(made, x, reconstruction, self.net.weight)

    def configure_optimizers(self):
        return Adam(self.parameters(), 1e-2, weight_decay=0.1)


class Signals(Dataset):
    """Pairs of a noisy vector and a clean one."""

    def __init__(self, n=64):
        g = torch.Generator().manual_seed(3)
        self.x = torch.randn(n, 4, generator=g, dtype=torch.float64)
        self.noisy = self.x + torch.randn(n, 4, generator=g, dtype=torch.float64)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.noisy[index], self.x[index]


def same(a, b):
    """Whether two states, or parts of states, are equal bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def fit(host, steps, n=64, **options):
    """Train on n pairs, in their order."""
    trainer = L.Trainer(max_steps=steps, enable_checkpointing=False, **QUIET | options)
    trainer.fit(host, DataLoader(Signals(n), 8))
    return host


def pair(folder):
    """Train on two processes, 4 pairs each to a step, and return their state dicts with and without BatchNorm."""
    launch("tests.adversary.host", folder)
    return {name: [torch.load(folder / f"{name}-{rank}.pt") for rank in (0, 1)] for name in ("plain", "norm")}


if __name__ == "__main__":
    for name, options in (("plain", {}), ("norm", {"norm": True, "start_step": 100, "warmup": 100})):
        trained = fit(Host(**options), 8, strategy="ddp", devices=2, use_distributed_sampler=False)
        torch.save(trained.state_dict(), f"{sys.argv[1]}/{name}-{os.environ['LOCAL_RANK']}.pt")
