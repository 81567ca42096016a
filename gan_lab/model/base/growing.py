"""Growth: the resolution that images seen call for, and everything in a GAN that follows it."""

from typing import Any

from lightning import LightningModule
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.growth import Growth, Level
from gan_lab.network.growing import levels_of


class Growing(LightningModule):
    """The part of every GAN that grows: `GANModule` sets its attributes."""

    generator: Any
    discriminator: Any
    growth: Growth | None
    all_optimizers: Any
    images_seen: int
    d_steps_done: int

    @property
    def level(self) -> Level | None:
        """The level that the images seen so far call for; None without growth."""
        return None if self.growth is None else self.growth(self.images_seen)

    def grow(self) -> None:
        """Bring every growing network to the level of the images seen; where it changes, optimizers forget their moments."""
        if self.growth is None:
            return
        if not levels_of(self.generator) or not levels_of(self.discriminator):
            raise InputError(
                "model.growth needs networks that work at every resolution: use network=pggan or network=stylegan, or "
                "model.growth=null"
            )
        level, reached = self.growth(self.images_seen), levels_of(self.discriminator)[0].resolution
        if self.images_seen and level.resolution < reached:
            raise InputError(
                f"model.growth would take networks that have grown to {reached}x{reached} back to {level.resolution}x"
                f"{level.resolution}: leave its options as they were"
            )
        changes = [each.set(level) for each in levels_of(self)]
        if any(changes) and self.growth.reset_optimizers and self.d_steps_done:
            for optimizer in self.all_optimizers:
                optimizer.state.clear()

    @property
    def level_ends(self) -> bool:
        """Whether the next step is the first one of another resolution."""
        return self.level is not None and self.level.resolution != levels_of(self.discriminator)[0].resolution

    def at_level(self, real: Tensor) -> Tensor:
        """Return reals (N, C, H, W) as they are, or with growth at the current resolution, blended in a fade."""
        return real if self.growth is None else levels_of(self.discriminator)[0].reals(real)

    def step_size(self, loaded: int) -> int:
        """Return the number of a loader's images that the next step takes: all of them, or with growth as many as it says."""
        return loaded if self.growth is None else self.growth.batch_size(self.images_seen, loaded)
