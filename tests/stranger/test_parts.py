"""Parts of one's own, all at once: a trick, an augmentation, a penalty with statistics, an optimizer with groups of its own."""

import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.model.gan import GAN
from gan_lab.network import mlp
from tests.stranger.lab import OWN, SMALL, TINY

PARTS = """
    from dataclasses import replace

    import torch
    from torch import nn

    from gan_lab.penalties import Penalty
    from gan_lab.trick import Trick


    class TopK(Trick):
        '''G learns from the fakes with the highest logits (Sinha 2020).'''

        def __init__(self, share):
            super().__init__()
            self.share = share

        def generator_batch(self, batch):
            best = batch.fake_logits.topk(round(len(batch.fake) * self.share)).indices
            return replace(batch, fake=batch.fake[best], z=batch.z[best])


    class Shift(nn.Module):
        '''Every image is shifted by a whole number of pixels.'''

        def forward(self, images, rng, images_seen):
            pixels = (rng.uniform(len(images)) * 3).long()
            across = (torch.arange(images.shape[-1], device=images.device) + pixels[:, None]) % images.shape[-1]
            return images.gather(3, across[:, None, None].expand_as(images))


    class Centred(Penalty):
        '''The logits of reals stay near their running mean.'''

        def __init__(self, weight, interval=1):
            super().__init__(weight, interval)
            self.register_buffer("mean", torch.zeros(()))

        def term(self, discriminator, batch):
            if self.training:
                self.mean.lerp_(batch.real_logits.detach().mean(), 0.1)
            return (batch.real_logits - self.mean).square().mean()


    class LayerwiseAdam(torch.optim.Adam):
        '''Every weight learns half as fast as the next.'''

        def __init__(self, params, lr, **options):
            weights = list(params)[::-1]
            super().__init__([{"params": [w], "lr": lr / 2**i} for i, w in enumerate(weights)], lr=lr, **options)
"""
CONF = {
    "conf__trick__my_topk": "my_topk: {_target_: my_parts.TopK, share: 0.5}",
    "conf__augment__my_shift": "my_shift: {_target_: my_parts.Shift}",
    "conf__penalty__my_centred": "my_centred: {_target_: my_parts.Centred, weight: 0.1}",
    "conf__optimizer__my_layerwise": """
        g: {_target_: my_parts.LayerwiseAdam, _partial_: true, lr: 0.01}
        d: {_target_: my_parts.LayerwiseAdam, _partial_: true, lr: 0.02}
    """,
}
ALL = [*TINY, *SMALL, "model=gan", "trick=[soft_labels,my_topk]", "augment=[my_shift,diffaugment]", "penalty=[r1,my_centred]",
       "optimizer=my_layerwise", "schedule=linear", "schedule.last_image=64", *OWN]  # fmt: skip


@pytest.fixture
def parts(lab):
    lab.write(my_parts=PARTS, **CONF)
    return lab


def rates(run):
    """The rates of every optimizer in the checkpoint of a run."""
    states = torch.load(run.checkpoints / "last.ckpt", weights_only=True)["optimizer_states"]
    return [[group["lr"] for group in state["param_groups"]] for state in states]


@pytest.mark.slow
def test_they_train_together_and_a_resumed_run_goes_on_as_if_never_stopped(parts):
    whole = parts.train(*ALL, run="whole")
    half = parts.train(*ALL, "max_images=16")
    assert rates(half)[0][0] > rates(whole)[0][0]  # the schedule falls
    resumed = parts.resume("max_images=32", *OWN)
    for run in (whole, resumed):
        for lr, layers in zip((0.01, 0.02), rates(run), strict=True):
            factor = 1 - 28 / 64  # before the last step
            assert layers == pytest.approx([lr * factor / 2**i for i in range(len(layers))])
    assert {"r1", "my_centred"} <= resumed.read_rows()[-3].keys()
    one, two = parts.load("whole"), parts.load()
    assert one.penalties["my_centred"].mean.item() != 0
    states = one.state_dict(), two.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items() if torch.is_tensor(value))


class Anything:
    """Derived from nothing."""


class Module(nn.Module):
    """Derived from too little, and called with too few arguments."""

    def forward(self, images):
        return images


def needs(arguments):
    return f"called with ({arguments}), and Module.forward takes (images): give it these arguments, also where it needs fewer"


REFUSED = [
    ("penalties", Module(), "penalty=mine is Module, no Penalty: derive it from gan_lab.penalties.Penalty"),
    ("tricks", Anything(), "trick=mine is Anything, no Trick: derive it from gan_lab.trick.Trick"),
    ("regularizers", Anything(), "regularizer=mine is Anything, no Module: derive it from torch.nn.Module"),
    ("regularizers", Module(), f"regularizer=mine is {needs('generator, batch')}"),
    ("augments", lambda images: images, "augment=mine is function, no Module: derive it from torch.nn.Module"),
    ("augments", Module(), f"augment=mine is {needs('images, rng, images_seen')}"),
]


@pytest.mark.parametrize(("group", "part", "sentence"), REFUSED, ids=lambda value: type(value).__name__)
def test_a_part_that_breaks_its_contract_is_refused_when_the_gan_is_built(group, part, sentence):
    networks = mlp.Generator(latent_dim=4, channels=1, image_size=4), mlp.Discriminator(channels=1, image_size=4)
    with pytest.raises(InputError) as error:
        GAN(*networks, torch.optim.SGD, torch.optim.SGD, **{group: {"mine": part}})
    assert str(error.value) == sentence


def test_it_is_refused_by_the_command_before_anything_is_trained(lab):
    lab.write(my_part="from torch import nn\nclass Module(nn.Module):\n    def forward(self, images):\n        return images\n")
    with pytest.raises(SystemExit) as ended:
        lab.train(*TINY, *SMALL, "model=gan", "+augment.mine._target_=my_part.Module")
    assert str(ended.value) == f"gan_lab: augment=mine is {needs('images, rng, images_seen')}"
    assert not (lab.folder / "run" / "metrics.csv").exists()
