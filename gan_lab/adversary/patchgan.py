"""pix2pix's discriminator of patches (Isola 2017, https://arxiv.org/abs/1611.07004), as in the authors' code.

That is junyanz/pytorch-CycleGAN-and-pix2pix.
"""

from torch import Tensor, nn

from gan_lab.adversary.outputs import Outputs
from gan_lab.errors import InputError
from gan_lab.network import layers
from gan_lab.ranges import Depth, Size


class PatchGAN(nn.Module):
    """Images (N, channels, H, W) -> a map of logits, one for each patch; a patch of ``depth=3`` is 70x70 pixels.

    2,768,705 parameters for pairs of an image and its condition, 6 channels. Gradient penalties need another norm than batch.

    Args:
        channels: of an image; with a condition beside it (``torch.cat([condition, image], 1)``) of both.
        width: channels of the first layer; they double with each, to at most 8 times as many.
        depth: layers that halve the map. A patch has 16, 34, 70, 142 pixels a side at 1, 2, 3, 4.
        norm: a key of `gan_lab.network.layers.NORMS`; not in the first layer and the last.
    """

    def __init__(self, channels: Size, width: Size = 64, depth: Depth = 3, norm: str = "batch") -> None:
        super().__init__()
        self.smallest, self.depth, blocks, c_in = 3 * 2**depth, depth, [], channels
        for number in range(depth + 1):
            c_out, stride = width * min(2**number, 8), 2 if number < depth else 1
            normed = [layers.norm(norm, c_out)] if number else []
            bias = not number or norm in layers.WITHOUT_SHIFT
            blocks.append(nn.Sequential(nn.Conv2d(c_in, c_out, 4, stride, 1, bias=bias), *normed, nn.LeakyReLU(0.2)))
            c_in = c_out
        self.blocks, self.output = nn.ModuleList(blocks), nn.Conv2d(c_in, 1, 4, 1, 1)
        layers.initialise(self, "dcgan")
        layers.normalise_weights(self, norm)

    def forward(self, x: Tensor) -> Outputs:
        """Return the map (N, 1, H', W'), and the features of each layer before it."""
        if min(x.shape[2:]) < self.smallest:
            raise InputError(
                f"PatchGAN(depth={self.depth}) judges images of {self.smallest}x{self.smallest} or more, not of "
                f"{x.shape[2]}x{x.shape[3]}: give a smaller depth"
            )
        features = []
        for block in self.blocks:
            features.append(x := block(x))
        return Outputs([self.output(x)], [features])
