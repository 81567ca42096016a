"""Virtual batch normalisation (Salimans 2016, https://arxiv.org/abs/1606.03498)."""

import torch
from torch import Tensor, nn


class VirtualBatchNorm(nn.Module):
    """Normalises each example by a fixed reference batch and by itself (Salimans 2016, section 3.5).

    The reference is the first batch that the layer sees in training; its size n, mean and variance are kept in buffers. The
    statistics weigh the reference by n / (n + 1) and the example by 1 / (n + 1), so no example depends on others in its batch.
    The first batch is its own reference, through which no gradient flows. Before it, nothing is normalised.

    Differs from the paper: there the reference batch passes through the network along with every batch, so its statistics
    follow the current weights and have gradients. Here they are those of the initial weights, which costs nothing and needs
    no change to a network, but they do not follow: the further the weights move, the less the maps are standardised, until
    this is merely a scale and shift initialised from data. The paper uses it in G alone; with it in both networks of a
    DCGAN training collapsed, with it in either one it did not.
    """

    reference_size: Tensor
    mean: Tensor
    var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("reference_size", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise maps (N, channels, H, W) or vectors (N, channels)."""
        h = x.reshape(*x.shape[:2], -1).to(self.mean.dtype)
        if self.training:
            self._remember(h.detach())
        share = (self.reference_size > 0) / (self.reference_size + 1)
        var, mean = torch.var_mean(h, 2, correction=0)
        distance = mean - self.mean
        mean = self.mean + share * distance
        var = torch.lerp(self.var, var, share) + share * (1 - share) * distance.square()  # the variance of the mixture
        h = (h - mean[..., None]) * (var[..., None] + 1e-5).rsqrt()
        return (h * self.gain[:, None] + self.shift[:, None]).reshape(x.shape)

    def _remember(self, h: Tensor) -> None:
        """Store the statistics of the first batch, selected on the device because a Python branch would force a host sync."""
        is_first = self.reference_size == 0
        var, mean = torch.var_mean(h, (0, 2), correction=0)
        self.mean.copy_(torch.where(is_first, mean, self.mean))
        self.var.copy_(torch.where(is_first, var, self.var))
        self.reference_size.copy_(torch.where(is_first, len(h), self.reference_size))
