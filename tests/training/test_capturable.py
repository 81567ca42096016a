"""A step that can be captured reads no tensor on the host, and no number of it goes stale: seen on a CPU, for every part."""

import pytest
import torch

from gan_lab.callback.loss_logger import LossLogger
from gan_lab.errors import NotCapturable
from gan_lab.schedules import DeviceClock, Linear, value
from gan_lab.training.capturable import Watch
from tests.tiny import CONF, MODELS, fit, tiny


@pytest.fixture(autouse=True)
def capturable_on_a_cpu(monkeypatch):
    """Let torch's optimizers take their capturable step on a CPU, where it is the same operations."""
    for optimizer in ("adam", "rmsprop", "nadam", "radam", "adamax", "asgd", "adadelta"):
        module = __import__(f"torch.optim.{optimizer}", fromlist=["optimizer"])
        monkeypatch.setattr(module, "_get_capturable_supported_devices", lambda supports_xla=True: ["cpu"])


def watched(*overrides, images=40, change=lambda gan: None):
    """The recordings of a short run."""
    watch = Watch()

    class Change(LossLogger):
        def on_fit_start(self, trainer, gan):
            change(gan)

    fit(tiny(*overrides, images=images), watch, Change(1))
    assert max(len(steps) for steps in watch.steps.values()) >= 3, "no kind of step came again"
    return watch


OF_THEIR_OWN = ("gan", "wgan_gp")


@pytest.mark.parametrize("model", [pytest.param(m, marks=() if m in OF_THEIR_OWN else pytest.mark.slow) for m in MODELS])
def test_a_step_of_every_model_can_be_captured(model):
    assert watched(f"model={model}").obstacles() == []


def options_of(group, *without):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem not in ("none", *without))


RESNET = ("model=hinge", "network=resnet")
NEEDS = {
    ("penalty", "dropout_consistency"): ("network.discriminator.dropout=0.5",),
    ("regularizer", "path_length"): ("model=stylegan2",),
    ("regularizer", "transport"): ("model=afm",),
    ("trick", "soft_labels"): ("model=gan", "network=resnet"),
}
PARTS = [
    *((group, name) for group in ("penalty", "regularizer", "augment") for name in options_of(group)),
    *(("trick", name) for name in options_of("trick", "replay")),
    *(("optimizer", name) for name in options_of("optimizer")),
    *(("schedule", name) for name in options_of("schedule")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("group", "name"), PARTS)
def test_a_step_with_every_part_can_be_captured(group, name):
    model = () if any(option.startswith("model=") for option in NEEDS.get((group, name), ())) else RESNET
    assert watched(*model, f"{group}={name}", *NEEDS.get((group, name), ()), images=48).obstacles() == []


LOUD = ["penalty=[r1,lecam]", "penalty.r1.interval=3", "augment=ada", "schedule=linear"]


def test_lazy_terms_schedules_and_state_are_of_the_device():
    assert watched("model=gan", *LOUD, images=44).obstacles() == []


def test_a_number_that_python_computes_anew_is_found():
    def stale(gan):
        inner = gan.discriminator_loss
        gan.discriminator_loss = lambda batch: inner(batch) * (1 + gan.d_steps_done)

    assert any("other arguments" in fault for fault in watched("model=gan", change=stale).obstacles())


def test_a_tensor_that_is_read_is_found():
    def reads(gan):
        inner = gan.discriminator_loss
        gan.discriminator_loss = lambda batch: inner(batch) * float(batch.real_logits.detach().mean() > -1e9)

    assert any("reads a tensor" in fault for fault in watched("model=gan", change=reads).obstacles())


def test_images_seen_as_a_number_is_refused_with_the_way_to_use_it():
    def counts(gan):
        inner = gan.discriminator_loss
        gan.discriminator_loss = lambda batch: inner(batch) * (batch.images_seen / 10)

    with pytest.raises(NotCapturable, match=r"schedules\.value"):
        watched("model=gan", change=counts)


def test_betas_that_move_do_so_on_the_device():
    options, seen = ("model=r3gan", "model.burn_in_images=30"), []

    class Betas(Watch):
        def on_train_batch_end(self, trainer, gan, *_):
            group = trainer.optimizers[0].param_groups[0]
            seen.append((group["betas"][1].item(), gan.beta2(gan.images_seen - 4), group["betas"][0].item()))

    watch = Betas()
    fit(tiny(*options, images=32), watch)
    assert len(watch.steps) == 1, "a kind of step for each beta"
    assert all(now == pytest.approx(stated, rel=1e-6) and beta1 == 0 for now, stated, beta1 in seen)
    assert len({round(now, 5) for now, *_ in seen}) > 5


def test_values_of_schedules_are_written_before_each_step():
    clock, ramp = DeviceClock(torch.device("cpu")), Linear(100, start=0.0, end=1.0)
    weight = value(ramp, clock)
    clock.set(50)
    assert weight == 0.5
    assert value(ramp, clock) is weight
