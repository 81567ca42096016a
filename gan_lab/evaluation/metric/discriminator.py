"""D's logits of training reals, held-out reals and fakes: a diagnosis of D, never a metric of G."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from gan_lab.data.pixels import to_unit
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.source import Source

if TYPE_CHECKING:
    from gan_lab.model.gan import GAN


SETS = ("train", "held_out", "reference", "fake")


class DiscriminatorDiagnosis(BaseMetric):
    """Mean logit and accuracy of D on the three sets, with their histograms in ``discriminator.png``.

    A logit is right above 0 for a real and below 0 for a fake, whatever the loss: for losses of differences (Wasserstein,
    relativistic) read the gaps between the sets instead.
    """

    min_samples = 1
    needs: ClassVar[frozenset[str]] = frozenset({"images"})

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``d_SET`` and ``d_accuracy_SET`` of each set, none of which is better either way."""
        return {f"{kind}_{name}": Quantity(None) for kind in ("d", "d_accuracy") for name in SETS}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute them for the sets that are there; empty without a D, or for reals in the sample's place."""
        if inputs.gan is None:
            return {}
        reals = [some.source for some in (inputs.reference, inputs.held_out) if some is not None and some.source is not None]
        sources = {getattr(source, "split", "reference"): source for source in reals} | {"fake": inputs.sample.source}
        logits = {name: self.logits(inputs.gan, source) for name, source in sources.items() if source is not None}
        _draw(logits, inputs.folder / "discriminator.png")
        right = {name: (found < 0) if name == "fake" else (found > 0) for name, found in logits.items()}
        means = {f"d_{name}": float(found.mean()) for name, found in logits.items()}
        return means | {f"d_accuracy_{name}": float(hit.double().mean()) for name, hit in right.items()}

    @torch.inference_mode()
    def logits(self, gan: "GAN", source: Source) -> Tensor:
        """Return D's logits (N,) of a set, in evaluation mode."""
        found = []
        for images, y in source.batches(range(len(source)), 250):
            found.append(gan.logits(as_floats(images).to(gan.device), None if y is None else y.to(gan.device)).cpu())
        return torch.cat(found).double()


def as_floats(images: Tensor) -> Tensor:
    """Convert images of a source to D's range [-1, 1]; points stay as they are."""
    return to_unit(images) if images.dtype == torch.uint8 else images


def _draw(logits: dict[str, Tensor], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    low, high = (float(end) for end in torch.cat(list(logits.values())).aminmax())
    bins = torch.linspace(low, high + 1e-6 * max(1, abs(high)), 60, dtype=torch.float64).tolist()
    for name, found in logits.items():
        axes.hist(found.tolist(), bins, density=True, histtype="step", label=f"{name.replace('_', '-')} ({len(found):,})")
    axes.set(xlabel="D's logit", ylabel="density")
    axes.legend()
    figure.savefig(path, dpi=100)
    plt.close(figure)
