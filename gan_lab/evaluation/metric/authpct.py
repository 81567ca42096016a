"""AuthPct: the share of samples that are no near-copies of training images (Alaa 2022, https://arxiv.org/abs/2102.08921)."""

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.neighbours import nearest


class AuthPct:
    """Measure how many samples are authentic; the reference must be the training images (``eval.reference=train``).

    C_T asks the same of all distances together, beside those of held-out reals; FLD weighs novelty against fidelity. Noise is
    authentic: read it beside precision or a distance. Fresh images of the data do not score 100: 32 in one dimension, 59 in
    8, 84 in 64 (normal data). So only a value below the real-data baseline says that training images were copied.
    """

    min_samples: ClassVar[int] = 2

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``authpct_EXTRACTOR``, in percent."""
        return {f"authpct_{extractor.name}": Quantity("max", "%")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the percentage of the samples."""
        return {f"authpct_{inputs.extractor.name}": authpct(inputs.sample.features, inputs.reference.features)}

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the percentage of the held-out reals."""
        return {} if inputs.held_out is None else self(replace(inputs, sample=inputs.held_out))


def authpct(x: Tensor, train: Tensor) -> float:
    """Compute 100 · mean_j 1[|x_j - t| > min_{t' ≠ t} |t - t'|], where t is the training image nearest to x_j.

    A sample is authentic where it is farther from its nearest training image than the training image nearest to that one.
    The value lies in [0, 100]: 0 for copies, 100 for samples far from all. dgm-eval computes the same in float32; the authors'
    repository of FLD subtracts 50. Only exact copies of a duplicated training image count: remove duplicates.

    Args:
        x: features of the samples (N, d).
        train: features of the training images (M, d), M at least 2.
    """
    distances, rows = nearest(x, train)
    found, back = rows[:, 0].unique(return_inverse=True)
    reach = nearest(train[found], train, 2)[0][:, 1]  # the first neighbour is the image itself
    return 100 * float((distances[:, 0] > reach[back]).double().mean())
