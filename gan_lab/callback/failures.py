"""Early warnings of a failing run, from losses, gradients (https://github.com/soumith/ganhacks, 10) and samples."""

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from statistics import correlation, fmean
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from gan_lab.cli.words import count
from gan_lab.evaluation.source import quantised
from gan_lab.model.gan import GAN
from gan_lab.ranges import AtLeastTwo, Correlation, Count, Fraction, NonNegative, Positive
from gan_lab.training.cadence import row_is_due

Row = dict[str, float]

EXACT = "donot_use_mm_for_euclid_dist"
"""Of equal images too the distance is 0."""


class Failures(L.Callback):
    """Warns once per run for each kind of failure, with a remedy: on the console, on dashboards and in ``summary.json``.

    From the rows that `LossLogger` has just written:

    - A gradient norm in one row is large, or G's is 0: its output is saturated, or D's is.
    - D's loss is near 0, so G can learn nothing from D.
    - D's loss jumps from row to row.
    - G's loss falls while D's rises, and D classifies nearly all fakes as real: it is fooled, maybe by garbage. (Losses also
      move so when G catches up with a D that was far ahead, but then D still recognises the fakes.)

    The last three need a full window of rows and a model with a decision threshold: a critic's loss has no scale, and it
    rises towards 0 as it should.

    From the samples of validations: they are nearly the same, twice in a row. Their diversity is the median distance of a
    sample to the nearest of 63 others, as a share of that of held-out reals. A G that has hardly begun has none yet, so the
    first steps do not count.

    Args:
        every_steps: D's steps between two rows, as given to `LossLogger`.
        window: number of rows to consider.
        max_gradient_norm: limit of a gradient norm; ganhacks names 100.
        min_d_loss: limit of D's mean loss over a window; at chance D's cross-entropy is 1.39. No source gives this limit or
            the following ones.
        max_d_loss_jump: limit of the mean change from row to row; DCGAN on the digits has 0.03, and 0.6 with 100 times D's
            learning rate.
        min_trend: correlation with time from which a loss counts as rising or falling.
        min_fake_accuracy: limit of the mean fraction of fakes that D recognises over a window.
        min_diversity: limit of the diversity of samples; no source gives it; DCGAN on the digits has 0.5 after 6,000
            images and 1 from 18,000 on.
        min_g_steps: G's steps before samples are judged.

    Attributes:
        warnings: what was said in this run, before a resume too.
    """

    def __init__(
        self,
        every_steps: Count = 50,
        window: AtLeastTwo = 10,
        max_gradient_norm: Positive = 100.0,
        min_d_loss: NonNegative = 0.01,
        max_d_loss_jump: NonNegative = 0.3,
        min_trend: Correlation = 0.8,
        min_fake_accuracy: Fraction = 0.25,
        min_diversity: float = 0.05,
        min_g_steps: int = 500,
    ) -> None:
        self.every_steps, self.window, self.max_gradient_norm = every_steps, window, max_gradient_norm
        self.min_d_loss, self.max_d_loss_jump = min_d_loss, max_d_loss_jump
        self.min_trend, self.min_fake_accuracy = min_trend, min_fake_accuracy
        self.min_diversity, self.min_g_steps = min_diversity, min_g_steps
        self.rows: deque[Row] = deque(maxlen=window)
        self.warnings: dict[str, str] = {}
        self.diversities: deque[float] = deque([math.inf, math.inf], maxlen=2)

    @rank_zero_only
    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Check a new row, whose numbers are on the host already."""
        row = trainer.callback_metrics
        if not row_is_due(gan, self.every_steps) or "d_loss" not in row:
            return
        self.rows.append({name: float(value) for name, value in row.items()})
        found = self.gradients(self.rows[-1])
        if gan.decision_threshold is not None and len(self.rows) == self.window:
            found |= self.losses(list(self.rows))
        self._warn(trainer, gan, found)

    @rank_zero_only
    def on_validation_batch_end(
        self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Compare the first samples with the reals beside them."""
        if (batch_idx, dataloader_idx) != (0, 0) or not outputs or gan.g_steps_done < self.min_g_steps:
            return
        self.diversities.append(diversity(quantised(outputs["fake"]), quantised(outputs["real"])))
        self._warn(trainer, gan, self.samples())

    def _warn(self, trainer: L.Trainer, gan: GAN, found: dict[str, str]) -> None:
        """Say what is new; a progress bar shows prints above itself."""
        new = {
            kind: f"warning at {count(gan.images_seen, 'image')}: {text}"
            for kind, text in found.items()
            if kind not in self.warnings
        }
        self.warnings |= new
        for line in new.values():
            print(line)
        for logger in trainer.loggers if new else ():
            if hasattr(logger, "log_lines"):
                clocks = {"images_seen": gan.images_seen, "g_steps_done": gan.g_steps_done}
                logger.log_lines("warnings", list(self.warnings.values()), clocks)

    def state_dict(self) -> dict[str, Any]:
        """Keep what was said for the summary of a resumed run, and what it goes on from."""
        return {"warnings": self.warnings, "diversities": list(self.diversities), "rows": list(self.rows)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore it."""
        self.warnings = dict(state["warnings"])
        self.diversities.extend(state["diversities"])
        self.rows.extend(state["rows"])

    def gradients(self, row: Row) -> dict[str, str]:
        """Return warnings about one row, by kind."""
        norms, limit = {player: row.get(f"{player}_gradient_norm", 1.0) for player in "dg"}, self.max_gradient_norm
        found = {
            f"{player}_gradient_norm": f"{player}_gradient_norm is {norm:.3g}, above {limit:.0f}. Lower optimizer.{player}.lr, "
            f"or give clip_grad_norm.{player}={limit:.0f}"
            for player, norm in norms.items()
            if norm > limit
        }
        if norms["g"] == 0:
            found["no_g_gradient"] = (
                "g_gradient_norm is 0: G learns nothing any more, for its output or D's is saturated. Start anew with a lower "
                "optimizer.g.lr or optimizer.d.lr, or with penalty=r1"
            )
        return found

    def samples(self) -> dict[str, str]:
        """Return a warning about the last two validations, by kind."""
        if max(self.diversities) >= self.min_diversity:
            return {}
        return {
            "no_diversity": f"the samples are nearly the same: their nearest neighbours are at {max(self.diversities):.2g} of "
            "the distance of reals'. Lower optimizer.g.lr, add penalty=r1 or augment=diffaugment, or start anew from seed=1"
        }

    def losses(self, rows: Sequence[Row]) -> dict[str, str]:
        """Return warnings about a window of rows, the latest last, by kind."""
        d_loss, g_loss, accuracy = ([row.get(n, math.nan) for row in rows] for n in ("d_loss", "g_loss", "d_fake_accuracy"))
        found = {}
        if (mean := fmean(d_loss)) < self.min_d_loss:
            found["d_loss"] = (
                f"d_loss is {mean:.2g}: D tells all fakes from reals, and G can learn little from it. Lower optimizer.d.lr, or "
                "add augment=instance_noise, penalty=r1 or trick=soft_labels"
            )
        if (jump := fmean(abs(after - before) for before, after in pairwise(d_loss))) > self.max_d_loss_jump:
            found["d_loss_jump"] = (
                f"d_loss jumps by {jump:.2g} from row to row, but is steady in a healthy run. Lower optimizer.d.lr and "
                "optimizer.g.lr, increase data.batch_size, or add penalty=r1"
            )
        if fmean(accuracy) < self.min_fake_accuracy and trend(g_loss) <= -self.min_trend and trend(d_loss) >= self.min_trend:
            found["d_is_fooled"] = (
                f"g_loss falls and d_loss rises over {len(rows)} rows, and D classifies nearly all fakes as real: they may be "
                "garbage that fools it. Look at the samples; lower optimizer.g.lr, or give D more steps with model.d_steps=2"
            )
        return found


def diversity(fake: Tensor, real: Tensor, n: int = 64) -> float:
    """Return the median distance of samples to their nearest neighbours, in units of the reals'; inf if these are the same."""
    medians = []
    for images in (fake[:n], real[:n]):
        flat = images.flatten(1).float()
        medians.append(float(torch.cdist(flat, flat, compute_mode=EXACT).fill_diagonal_(math.inf).min(1).values.median()))
    return medians[0] / medians[1] if medians[1] > 0 else math.inf


def trend(values: Sequence[float]) -> float:
    """Return the correlation with time: 1 for a linear rise, -1 for a linear fall, 0 for constant values."""
    return correlation(range(len(values)), values) if len(set(values)) > 1 else 0.0
