"""How D takes training reals, held-out reals and fakes: a diagnosis of D, never a score of G."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.evaluation.metric import EvalInputs
from gan_lab.evaluation.source import Source


class Discriminator:
    """Mean score and accuracy of D on the three sets, with ``discriminator.png``, their histograms.

    Right is above 0 for a real and below 0 for a fake, whatever the loss: for losses of differences (Wasserstein, relativistic)
    read the gaps between the sets instead.
    """

    better: ClassVar[Mapping[str, str]] = {}

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """Three means and three accuracies; nothing without a D, or for reals as samples."""
        if case.gan is None:
            return {}
        reals = [some.source for some in (case.reference, case.held_out) if some is not None and some.source is not None]
        sources = {getattr(source, "split", "reference"): source for source in reals} | {"fake": case.sample.source}
        scores = {name: self.scores(case, source) for name, source in sources.items() if source is not None}
        _draw(scores, case.folder / "discriminator.png")
        right = {name: (found < 0) if name == "fake" else (found > 0) for name, found in scores.items()}
        means = {f"d_{name}": float(found.mean()) for name, found in scores.items()}
        return means | {f"d_accuracy_{name}": float(hit.double().mean()) for name, hit in right.items()}

    @torch.inference_mode()
    def scores(self, case: EvalInputs, source: Source) -> Tensor:
        """D's scores (N,) of a set, in evaluation mode."""
        assert case.gan is not None
        device, found = case.gan.device, []
        for images, y in source.batches(range(len(source)), 250):
            found.append(case.gan.logits(as_floats(images).to(device), None if y is None else y.to(device)).cpu())
        return torch.cat(found).double()


def as_floats(images: Tensor) -> Tensor:
    """What D sees of what a source gives: images in [-1, 1], points as they are."""
    from gan_lab.data.pixels import to_unit

    return to_unit(images) if images.dtype == torch.uint8 else images


def _draw(scores: dict[str, Tensor], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    low, high = (float(end) for end in torch.cat(list(scores.values())).aminmax())
    bins = torch.linspace(low, high + 1e-6 * max(1, abs(high)), 60, dtype=torch.float64).tolist()
    for name, found in scores.items():
        axes.hist(found.tolist(), bins, density=True, histtype="step", label=f"{name.replace('_', '-')} ({len(found):,})")
    axes.set(xlabel="D's score", ylabel="density")
    axes.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)
