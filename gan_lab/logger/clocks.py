"""Give every row its clocks, whoever logs it: a row that a user's ``self.log`` makes knows only Lightning's own step."""

from collections.abc import Mapping
from typing import Any

from gan_lab.logger.sections import CLOCKS


class Clocked:
    """Mix-in of a logger whose rows are drawn over images seen.

    Attributes:
        gan: tells the time of a row without clocks.
        latest: clocks of the latest row.
    """

    gan: Any = None
    latest: Mapping[str, float] = {}

    def log_graph(self, model: Any, *args: Any) -> None:
        """Keep the GAN: Lightning hands it to every logger by this hook before it trains."""
        self.gan = model

    def clocked(self, row: Mapping[str, float]) -> dict[str, float]:
        """Return the row behind its own clocks or the GAN's, which never fall: the checkpoint judged last may lie behind."""
        told = {clock: getattr(self.gan, clock) for clock in CLOCKS if hasattr(self.gan, clock)} | dict(row)
        clocks = {clock: max(told[clock], self.latest.get(clock, 0)) for clock in CLOCKS if clock in told}
        self.latest = {**self.latest, **clocks}
        return clocks | {name: value for name, value in row.items() if name not in CLOCKS}
