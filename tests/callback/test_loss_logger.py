import math

import lightning as L
import pytest
import torch

from gan_lab.callback.loss_logger import LossLogger, logit_statistics, read_out
from gan_lab.errors import Diverged
from gan_lab.logger.csv import CsvLogger
from gan_lab.run_folder import read_rows
from gan_lab.training.build import build
from tests.tiny import EVERY_MODEL, fit, tiny


class Watch(L.Callback):
    """Notes each step's losses, and the pair of data=dirac before it and after it."""

    def __init__(self):
        self.losses, self.before, self.after = [], [], []

    def on_train_batch_start(self, trainer, gan, *args):
        self.before.append({name: weight.detach().norm().item() for name, weight in gan.named_parameters()})

    def on_train_batch_end(self, trainer, gan, *args):
        self.after.append({name: weight.detach().norm().item() for name, weight in gan.named_parameters()})
        self.losses.append({name: value.item() for name, value in gan.tracked.items() if value.ndim == 0})


@pytest.fixture
def recorded(tmp_path):
    """Trains and gives the rows, and what was watched meanwhile."""

    def run(*overrides, every_steps=3, images=24):
        watch, logger = Watch(), CsvLogger(tmp_path / "metrics.csv")
        fit(tiny(*overrides, images=images), watch, LossLogger(every_steps), logger=logger)
        return read_rows(logger.path), watch

    return run


def mean(values):
    return sum(values) / len(values)


def test_a_row_is_due_every_so_many_steps_of_d(recorded):
    rows, _ = recorded("model=gan", "model.d_steps=2")
    assert [(row["d_steps_done"], row["images_seen"], row["g_steps_done"]) for row in rows] == [(3, 12, 1), (6, 24, 3)]


def test_losses_and_penalties_are_means_over_the_interval_by_name(recorded):
    penalties = ["penalty=[r1,wgan_gp,dragan]", "penalty.wgan_gp.interval=2"]
    rows, watch = recorded("model=gan", "model.d_steps=2", *penalties)
    for first, row in zip((0, 3), rows, strict=True):
        for name in ("d_loss", "g_loss", "r1", "wgan_gp", "dragan"):
            values = [losses[name] for losses in watch.losses[first : first + 3] if name in losses]
            assert row[name] == pytest.approx(mean(values), rel=1e-5)
    assert [len([n for n in losses if not n.endswith("_gradient_norm")]) for losses in watch.losses] == [
        4,
        4,
    ] * 3  # d_loss, r1, dragan, and g_loss or wgan_gp


def test_a_player_that_did_not_step_has_no_row(recorded):
    rows, _ = recorded("model=gan", "model.d_steps=5")
    assert ["g_loss" in row for row in rows] == ["g_gradient_norm" in row for row in rows] == [False, True]


def test_values_of_a_stopped_run_are_numbers_which_need_not_be_on_the_device_of_its_tensors():
    logger = LossLogger()
    logger.on_load_checkpoint(None, None, {"losses": [{"d_loss": {1: 0.5}}, {"d_real": {1: 2.0}}]})
    restored = [*logger.series["d_loss"].values(), *logger.logits["d_real"].values()]
    assert not any(map(torch.is_tensor, restored))
    logger.series["d_loss"][2] = torch.tensor(0.25)
    assert read_out(logger.series | logger.logits) == {"d_loss": {1: 0.5, 2: 0.25}, "d_real": {1: 2.0}}


def test_gradient_norms_are_those_of_each_networks_first_step_after_a_row(recorded):
    dirac = ["data=dirac", "optimizer=sgd", "optimizer.g.lr=0.1", "optimizer.d.lr=0.1", "model=wgan", "model.clip=9"]
    rows, watch = recorded(*dirac, "model.d_steps=1", images=6 * 16)
    for first, row in zip((0, 3), rows, strict=True):  # D's loss is w theta and G's is -w theta
        assert row["d_gradient_norm"] == pytest.approx(watch.before[first]["generator.theta"])
        assert row["g_gradient_norm"] == pytest.approx(watch.after[first]["discriminator.w"])


def test_rates_are_those_of_the_last_step(recorded):
    rows, _ = recorded("schedule=linear", "optimizer.d.lr=0.8", "optimizer.g.lr=0.4", every_steps=1, images=16)
    assert [row["d_lr"] for row in rows] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert [row["g_lr"] for row in rows] == pytest.approx([0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_accuracy_is_recorded_where_the_loss_has_an_undecided_score(model):
    gan = build(tiny(f"model={model}"))
    gan.track(real_logits=torch.tensor([-1.0, 0.2, 0.6, 0.8]), fake_logits=torch.tensor([-1.0, -2.0, 0.2, 0.9]))
    values = {name: value.item() for name, value in logit_statistics(gan).items()}
    assert values["d_gap"] == pytest.approx(values["d_real"] - values["d_fake"]) == pytest.approx(0.15 + 0.475)
    assert (gan.decision_threshold is None) == ("d_real_accuracy" not in values) == ("d_fake_accuracy" not in values)
    if gan.decision_threshold is not None:
        expected = {0.0: (0.75, 0.5), 0.5: (0.5, 0.75)}[gan.decision_threshold]
        assert (values["d_real_accuracy"], values["d_fake_accuracy"]) == expected


def break_loss(gan, name, value):
    """From its third call on, a loss is no number."""
    loss, calls = getattr(gan, name), []
    setattr(gan, name, lambda batch: calls.append(1) or loss(batch) * (value if len(calls) > 2 else 1))


def break_gradient(gan, name, value):
    """The loss stays a number, its gradient is none."""
    next(getattr(gan, name).parameters()).register_hook(lambda gradient: gradient * value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("harm", "place", "network", "names", "step"),
    [
        (break_loss, "discriminator_loss", "discriminator", "d_loss", 3),
        (break_loss, "generator_loss", "generator", "g_loss", 3),
        (break_gradient, "discriminator", "discriminator", "d_gradient_norm", 1),
        (break_gradient, "generator", "generator", "g_gradient_norm", 1),
    ],
)
def test_what_is_no_number_ends_the_run_within_an_interval_with_network_step_and_remedy(
    harm, place, network, names, step, value
):
    cfg = tiny("model=gan", images=48)
    gan = build(cfg)
    harm(gan, place, value)
    with pytest.raises(Diverged) as error:
        fit(cfg, LossLogger(every_steps=4), gan=gan)
    assert gan.d_steps_done == 4
    assert str(error.value).startswith(f"the {network} diverged: {names}")
    assert f"at D step {step} " in str(error.value)
    assert f"Lower optimizer.{network[0]}.lr" in str(error.value)


def test_another_network_of_gs_is_gs():
    cfg = tiny("model=vae_gan", images=16)
    gan = build(cfg)
    break_gradient(gan, "encoder", math.nan)
    with pytest.raises(Diverged, match=r"the generator diverged: e_gradient_norm not finite at D step 1 "):
        fit(cfg, LossLogger(every_steps=1), gan=gan)


@pytest.mark.parametrize(("term", "name", "network"), [("penalty", "r1", "discriminator"), ("regularizer", "l2", "generator")])
def test_a_penalty_is_ds_and_a_regularizer_is_gs(term, name, network):
    cfg = tiny("model=gan", f"{term}={name}", f"{term}.{name}.weight=inf")
    with pytest.raises(Diverged, match=rf"the {network} diverged: .*{name}.* at D step 1 "):
        fit(cfg, LossLogger(every_steps=2))
