"""Mistakes in somebody's own parts, each answered by one sentence that says what is wrong and how to mend it."""

import sys
import warnings
from functools import partial

import lightning as L
import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from gan_lab import sample
from gan_lab.errors import InputError
from gan_lab.model.gan import GAN
from gan_lab.network import mlp
from tests.stranger.lab import SMALL, TINY

TARGETS = {
    "network.discriminator": ["network.discriminator._target_=my_typo.Mine"],
    "penalty.mine": ["+penalty.mine._target_=my_typo.Mine"],
    "trick.mine": ["+trick.mine._target_=my_typo.Mine"],
    "data": ["data._target_=my_typo.Mine"],
    "callback.mine": ["+callback.mine._target_=my_typo.Mine"],
}


@pytest.mark.parametrize("place", TARGETS)
def test_a_failed_import_says_where_and_why(lab, place):
    lab.write(my_typo="import torch\nimport einopsx\n")
    with pytest.raises(SystemExit) as ended:
        lab.train(*TINY, *SMALL, "model=gan", *TARGETS[place])
    cause = f"{lab.folder / 'my_typo.py'}, line 2: No module named 'einopsx'"
    assert str(ended.value) == f"gan_lab: {place}: Error loading 'my_typo.Mine': {cause}"


def test_a_syntax_error_of_a_network_is_shown_with_its_line(lab):
    lab.write(my_typo="class G:\n    def forward(self:\n        pass\n")
    with pytest.raises(SystemExit) as ended:
        lab.train(*TINY, "model=gan", "network.generator._target_=my_typo.G")
    cause = f"{lab.folder / 'my_typo.py'}, line 2: SyntaxError: '(' was never closed"
    assert str(ended.value) == f"gan_lab: network.generator: Error loading 'my_typo.G': {cause}"


def networks(**players):
    made = {
        "generator": mlp.Generator(latent_dim=4, channels=1, image_size=4, width=4),
        "discriminator": mlp.Discriminator(channels=1, image_size=4, width=4),
    }
    return made | players


def fit(gan):
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    L.Trainer(accelerator="cpu", max_steps=3, **options).fit(gan, DataLoader(torch.linspace(-1, 1, 512).view(32, 1, 4, 4), 4))


SLOW = partial(SGD, lr=0.01)


def test_networks_that_break_their_contract_are_refused_when_the_gan_is_built():
    with pytest.raises(InputError) as error:
        GAN(**networks(generator=nn.Linear(4, 2)), g_optimizer=SLOW, d_optimizer=SLOW)
    assert str(error.value) == (
        "torch.nn.modules.linear.Linear has no latent_dim: a generator states the size of its latents, in __init__ as "
        "self.latent_dim = latent_dim"
    )
    with pytest.raises(InputError) as error:
        GAN(**networks(discriminator=nn.Linear(16, 1)), g_optimizer=SLOW, d_optimizer=SLOW)
    assert str(error.value) == (
        "torch.nn.modules.linear.Linear lacks the methods features and head: a discriminator splits its forward(x, y) into "
        "features(x, y) -> (N, F) and head(features, y) -> logits (N,), so that losses and penalties share one pass"
    )


def test_a_discriminator_without_channels_is_refused_by_a_model_that_adds_some(lab):
    lab.write(
        my_network="""
            from gan_lab.network import mlp

            class Fixed(mlp.Discriminator):
                def __init__(self, width):
                    super().__init__(channels=1, image_size=8, width=width)
        """
    )
    fixed = ["~network.discriminator", "+network.discriminator={_target_:my_network.Fixed,width:8}"]
    with pytest.raises(SystemExit) as ended:
        lab.train(*TINY, "network=mlp", *fixed, "data.num_classes=3", "model=cgan")
    assert str(ended.value) == (
        "gan_lab: this model adds 3 channels of labels to D's input, and network.discriminator takes no channels: give it that "
        "option, or use model=projection"
    )


class Column(mlp.Discriminator):
    """Its logits are a column."""

    def head(self, features, y=None):
        return super().head(features, y)[:, None]


def test_logits_in_a_column_are_taken_as_they_are_meant_and_said_once():
    column = Column(channels=1, image_size=4, width=4)
    gan = GAN(**networks(discriminator=column), g_optimizer=SLOW, d_optimizer=SLOW)
    flat = GAN(**networks(), g_optimizer=SLOW, d_optimizer=SLOW)
    flat.load_state_dict(gan.state_dict())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        fit(gan)
    said = [str(warning.message) for warning in seen if "logits" in str(warning.message)]
    assert said == ["D's logits are (N, 1) and are taken as (N,): end its head with .squeeze(1)"]
    fit(flat)
    assert all(torch.equal(a, b) for a, b in zip(gan.parameters(), flat.parameters(), strict=True))


class PerImage(GAN):
    """A loss without its mean."""

    def generator_loss(self, batch):
        return -batch.fake_logits


class Numbers(GAN):
    """A term that is a number."""

    def discriminator_terms(self, batch):
        return {"d_extra": 0.5}


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (PerImage, "g_loss is a tensor of 4: each term of a loss is a scalar tensor, such as the mean over the images"),
        (Numbers, "d_extra is a float: each term of a loss is a scalar tensor, such as the mean over the images"),
    ],
)
def test_a_loss_that_is_no_scalar_is_refused(model, sentence):
    with pytest.raises(InputError) as error:
        fit(model(**networks(), g_optimizer=SLOW, d_optimizer=SLOW))
    assert str(error.value) == sentence


OWN_GAN = """
    from gan_lab.model.gan import GAN


    class Bright(GAN):
        def generator_loss(self, batch):
            return super().generator_loss(batch) - batch.fake.flatten(1).mean()
"""


@pytest.mark.slow
def test_a_loss_that_reads_images_ends_well_and_its_checkpoint_says_elsewhere_where_to_use_it(lab, monkeypatch, tmp_path):
    lab.write(my_gan=OWN_GAN, my_data="from gan_lab.data.images import fake\n", my_callback="from lightning import Callback\n")
    mine = ["model._target_=my_gan.Bright", "data.train._target_=my_data.fake", "+callback.mine._target_=my_callback.Callback"]
    run = lab.train(*TINY, *SMALL, "model=gan", *mine)
    assert run.read_summary()["status"] == "finished"
    assert run.curves.is_file()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    for name in ("my_gan", "my_data", "my_callback"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as ended:
        lab.call(sample.main, "run=../run", "n=4", "trust=[my_gan]")
    assert str(ended.value) == (
        "gan_lab: '../run/checkpoints/last.ckpt' needs your module my_gan, which is not found here: run this command in the "
        "folder that holds it, or put that folder on PYTHONPATH"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("my_data", "my_callback"):  # which no sample needs
        (tmp_path / f"{name}.py").unlink()
    lab.call(sample.main, "run=../run", "n=4", "trust=[my_gan]")
    assert (tmp_path / "run/generated/grid/grid-seed0.png").is_file()
