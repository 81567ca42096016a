"""Give every row its clocks, whoever logs it: a row that a user's ``self.log`` makes knows only Lightning's own step."""

from collections.abc import Mapping
from typing import Any

from gan_lab.logger.sections import CLOCKS


class Clocked:
    """Mix-in of a logger whose rows are drawn over images seen."""

    gan: Any = None

    def log_graph(self, model: Any, *args: Any) -> None:
        """Keep the GAN: Lightning hands it to every logger by this hook before it trains."""
        self.gan = model

    def clocked(self, row: Mapping[str, float]) -> dict[str, float]:
        """Return the row with the GAN's clocks before its values, unless it has clocks of its own."""
        return {clock: getattr(self.gan, clock) for clock in CLOCKS if hasattr(self.gan, clock)} | dict(row)
