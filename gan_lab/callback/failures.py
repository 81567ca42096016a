"""Early warnings of a failing run, from its losses and gradient norms (https://github.com/soumith/ganhacks, 10)."""

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from statistics import correlation, fmean
from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

from gan_lab.model.gan import GAN
from gan_lab.ranges import AtLeastTwo, Correlation, Count, Fraction, NonNegative, Positive
from gan_lab.training.cadence import row_is_due

Row = dict[str, float]


class Failures(L.Callback):
    """Warns once per command for each kind of failure, with a remedy, from the rows that `LossLogger` has just written.

    - A gradient norm in one row is large.
    - D's loss is near 0, so G can learn nothing from D.
    - D's loss jumps from row to row.
    - G's loss falls while D's rises, and D classifies nearly all fakes as real: it is fooled, maybe by garbage. (Losses also
      move so when G catches up with a D that was far ahead, but then D still recognises the fakes.)

    The last three need a full window of rows and a model with a decision threshold: a critic's loss has no scale, and it
    rises towards 0 as it should.

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
    ) -> None:
        self.every_steps, self.window, self.max_gradient_norm = every_steps, window, max_gradient_norm
        self.min_d_loss, self.max_d_loss_jump = min_d_loss, max_d_loss_jump
        self.min_trend, self.min_fake_accuracy = min_trend, min_fake_accuracy

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Forget earlier rows and warnings, so that a resumed run warns again."""
        self.rows: deque[Row] = deque(maxlen=self.window)
        self.warned: set[str] = set()

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
        for kind in found:
            if kind not in self.warned:
                print(f"warning at {gan.images_seen:,} images: {found[kind]}")  # a progress bar shows prints above itself
        self.warned |= found.keys()

    def gradients(self, row: Row) -> dict[str, str]:
        """Return warnings about one row, by kind."""
        norms, limit = {player: row.get(f"{player}_gradient_norm", 0.0) for player in "dg"}, self.max_gradient_norm
        return {
            f"{player}_gradient_norm": f"{player}_gradient_norm is {norm:.0f}, above {limit:.0f}. Lower optimizer.{player}.lr, "
            f"or give clip_grad_norm.{player}={limit:.0f}"
            for player, norm in norms.items()
            if norm > limit
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


def trend(values: Sequence[float]) -> float:
    """Return the correlation with time: 1 for a linear rise, -1 for a linear fall, 0 for constant values."""
    return correlation(range(len(values)), values) if len(set(values)) > 1 else 0.0
