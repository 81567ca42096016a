"""C_T: a test of whether samples copy the training images (Meehan 2020, https://arxiv.org/abs/2004.05675)."""

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs, with_split_held_out
from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.moments import Moments
from gan_lab.evaluation.neighbours import nearest
from gan_lab.ranges import Count, Whole


class CTScore:
    """Compare the distances of samples and of held-out reals to the training images, as a z statistic.

    Far below 0: the samples copy. Far above 0: they lie farther from the training images than reals do, as those of a poor
    generator. Fresh images of the data: 0, give or take 1. So no direction is better, and copies and poor samples
    in different cells cancel. AuthPct counts copies one at a time without held-out reals; FLD adds fidelity and diversity.
    Needs held-out reals, and the training images as the reference (``eval.reference=train``).

    Args:
        cells: of the partition.
        components: principal components to keep of more features.
        min_in_cell: a cell counts where it holds more samples than this.
    """

    def __init__(self, cells: Count = 3, components: Count = 64, min_in_cell: Whole = 20) -> None:
        self.cells, self.components, self.min_in_cell = cells, components, min_in_cell

    @property
    def min_samples(self) -> int:
        """Number of samples of which one cell at least holds enough."""
        return self.cells * self.min_in_cell + 1

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``ct_EXTRACTOR``, in standard deviations of the null hypothesis."""
        return {f"ct_{extractor.name}": Quantity(None, "z")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute C_T; nothing without held-out reals, or where none of them lies in a cell that counts."""
        if inputs.held_out is None:
            return {}
        x, train, held_out = (z.features for z in (inputs.sample, inputs.reference, inputs.held_out))
        value = ct_score(x, train, held_out, self.cells, self.components, self.min_in_cell)
        return {} if value is None else {f"ct_{inputs.extractor.name}": value}

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute C_T of one half of the held-out reals beside the other half."""
        return {} if inputs.held_out is None else self(with_split_held_out(inputs))


def ct_score(
    x: Tensor, train: Tensor, held_out: Tensor, cells: int = 3, components: int = 64, min_in_cell: int = 20
) -> float | None:
    """Compute C_T = Σ_π P(π) Z(π) / Σ_π P(π) over the cells π that hold more than ``min_in_cell`` samples.

    P is the share of the held-out reals in a cell, and Z the Mann-Whitney statistic of the distances of its samples and of its
    held-out reals to the nearest of its training images. The cells are those of k-means on the training images, after a
    projection on their principal components, as in dgm-eval (whose k-means has no seed; here the cells depend on the
    training images alone). The value grows with the root of the set sizes: compare it at equal ones.

    Args:
        x: features of the samples (N, d).
        train: features of the training images (M, d).
        held_out: features of the held-out reals (L, d).
        cells: number of cells. The samples in a cell that holds no held-out real are ignored, where the authors stop.
        components: dimensions to project more features onto.
        min_in_cell: samples that a cell must exceed. A collapsed generator is judged in the few cells that it reaches.

    Returns:
        The statistic; None where no cell with held-out reals holds enough samples.
    """
    if train.shape[1] > components:
        axes = torch.linalg.eigh(Moments.of(train).covariance).eigenvectors[:, -components:]
        x, train, held_out = (z.double() @ axes for z in (x, train, held_out))
    partition = KMeans(cells, n_init=10, random_state=0).fit(train.double().cpu().numpy())
    total, weight = 0.0, 0
    sets = [(z, torch.from_numpy(partition.predict(z.double().cpu().numpy())).to(z.device)) for z in (x, train, held_out)]
    for cell in range(cells):
        fake, seen, unseen = (z[cells_of == cell] for z, cells_of in sets)
        if len(fake) > min_in_cell and len(unseen) and len(seen):
            total += len(unseen) * mann_whitney(*(nearest(z, seen)[0][:, 0] for z in (fake, unseen)))
            weight += len(unseen)
    return total / weight if weight else None


def mann_whitney(x: Tensor, y: Tensor) -> float:
    """Return the z statistic of how often numbers x (N,) exceed numbers y (M,), ties by half, with continuity correction."""
    n, m, y = len(x), len(y), y.sort().values
    exceeded = sum(int(torch.searchsorted(y, x, right=right).sum()) for right in (False, True)) / 2
    return (exceeded - n * m / 2 + 0.5) / (n * m * (n + m + 1) / 12) ** 0.5
