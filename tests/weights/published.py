"""Generators of public code, stated anew by their layers' names and shapes."""

import torch
from torch import nn


def published(nz=5, ngf=4, nc=3, stages=5):
    """The generator of pytorch/examples by its layers' names and shapes, with statistics of some training."""
    widths = [ngf << i for i in range(stages - 2, -1, -1)]
    layers = [nn.ConvTranspose2d(nz, widths[0], 4, bias=False)]
    for c_in, c_out in zip(widths, [*widths[1:], nc], strict=True):
        layers += [nn.BatchNorm2d(c_in), nn.ReLU(), nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=False)]
    net = nn.Module()
    net.main = nn.Sequential(*layers, nn.Tanh())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for value in net.state_dict().values():
            value.copy_(torch.rand(value.shape) if value.ndim == 1 else torch.randn(value.shape) * 0.3)
    return net.eval()
