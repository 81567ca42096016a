"""Style mixing (Karras 2019, section 3.1, https://arxiv.org/abs/1812.04948)."""

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.ranges import Size
from gan_lab.sampling.mode import Sheet, SheetMode
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.space import require_styles


class StyleMixing(SheetMode):
    """A matrix of n x n images: the first layers take the styles of the row's latent, the others those of the column's.

    The sources stand at the head of each row and column, around an empty corner.

    Args:
        layers: number of first layers; None: half of them.
    """

    def __init__(self, layers: Size | None = None) -> None:
        self.layers = layers

    def count(self, n: int, steps: int) -> int:
        """Return the number of places of the matrix and its heads."""
        return (n + 1) ** 2

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the matrix; `InputError` for a GAN without styles."""
        require_styles(request.gan, "mode=mix", "mode=interpolate")
        n, device = request.n, request.gan.device
        z, y = request.latents(range(2 * n)), request.labels(range(2 * n))
        with torch.no_grad(), request.gan.evaluating(z, request.ema) as generator:
            total = generator.synthesis.num_styles
            coarse = self._coarse(total)
            rows, columns = generator.mapping.styles(total, z, y, truncation=request.truncation).split(n)
            first = (torch.arange(total, device=device) < coarse)[:, None]
            mixed = torch.where(first, rows[:, None], columns[None])  # (n, n, total, style_dim)
            styles = torch.cat([columns, torch.cat([rows[:, None], mixed], 1).flatten(0, 1)])
            made = request.batched(lambda part: generator.render(styles[part]), len(styles))
        return Sheet(torch.cat([_empty(made), made]), n + 1, None, {"layers_of_rows": coarse, "layers": total})

    def _coarse(self, total: int) -> int:
        """Return the number of layers that follow the row."""
        if self.layers is not None and self.layers >= total:
            raise InputError(f"mode.layers={self.layers} leaves the columns none of the {total} layers: give 1 to {total - 1}")
        return self.layers or total // 2


def _empty(images: Tensor) -> Tensor:
    """Return one blank image."""
    return torch.ones_like(images[:1])
