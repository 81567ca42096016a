"""A replay buffer of past fakes (Shrivastava 2017, https://arxiv.org/abs/1612.07828, section 2.3; ganhacks 8)."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.ranges import Fraction, Rows
from gan_lab.rng import StepRNG
from gan_lab.trick import Trick

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule


class Replay(Trick):
    """D also sees fakes of the past, so that G cannot return to modes that D has forgotten.

    At first the fakes of every step are remembered, until there is no room for another batch. From then on each fake changes
    places with a remembered one with the chance ``share``: D sees the old one, and the new one is remembered. So a memory
    is ``size`` / (batch ``share``) steps old on average. It lies in float32, beside the weights and in every checkpoint.

    Several processes hold the same memory, of the fakes of all of them, which they exchange after every step.

    Differs from the paper: the share is met on average, image by image, as in CycleGAN (Zhu 2017).

    Args:
        size: images that are remembered, at least two batches; 1024 take 12 MiB at 3x32x32, 192 MiB at 3x128x128.
        share: of D's fakes that are old ones.
    """

    past: Tensor
    runs_eagerly = "trick=replay keeps a list of places and fakes in Python"

    def __init__(self, size: Rows = 1024, share: Fraction = 0.5) -> None:
        super().__init__()
        self.size, self.share, self.filled = size, share, 0
        self.moves: list[tuple[Tensor, Tensor]] = []  # of this step, one per part of the batch: where, and what to remember
        if not 0 <= share <= 1:
            raise InputError(f"trick.replay.share={share} is no share: give a number from 0 to 1")

    def check(self, name: str, gan: "GANModule") -> None:
        """Refuse a GAN whose D asks for labels or codes; make room for images as G makes them."""
        if gan.num_classes is not None or gan.needs_latents:
            raise InputError(
                f"trick={name} shows D old fakes, made of other labels or codes than now, which this model's D asks for: use "
                "a model without, or trick=checkpoint_swap, whose old generator is given this step's"
            )
        if gan.growth is not None:
            raise InputError(f"trick={name} keeps images of one size, and model.growth changes it: leave one of them out")
        image = gan.generator_ema(torch.zeros(1, gan.generator.latent_dim))
        self.register_buffer("past", image.new_zeros(self.size, *image.shape[1:]))

    def fakes(self, fake: Tensor, rng: StepRNG) -> Tensor:
        """Return the fakes, some of them exchanged for old ones."""
        batch = len(fake) * rng.world_size
        rows = rng.rank * len(fake) + torch.arange(len(fake), device=fake.device)
        if 2 * batch > self.size:
            raise InputError(f"trick.replay.size={self.size} is less than two batches: give at least {2 * batch}")
        if self.filled + batch <= self.size:
            self.moves.append((self.filled + rows, fake))
            return fake
        per_row = self.filled // batch  # each row of the batch has places of its own, so that no two rows meet in one
        place, chance = rng.uniform(len(fake), 2).unbind(1)
        places = rows * per_row + (place * per_row).long()
        old, is_old = self.past[places].to(fake), (chance < self.share).view(-1, 1, 1, 1)
        self.moves.append((places, torch.where(is_old, fake, old)))
        return torch.where(is_old, old, fake)

    def after_step(self, gan: "GANModule") -> None:
        """Store the exchanged fakes of all parts and processes."""
        places, images = (gan.engine.gather(torch.cat(parts)) for parts in zip(*self.moves, strict=True))
        self.moves = []
        self.past.index_copy_(0, places.flatten(), images.reshape(-1, *self.past.shape[1:]).to(self.past))
        if self.filled + places.numel() <= self.size:
            self.filled += places.numel()

    def get_extra_state(self) -> dict[str, int]:
        """Return the number of stored images. A Python int: a buffer would make the device wait at each reading."""
        return {"filled": self.filled}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Set it."""
        self.filled = state["filled"]
