"""Steps that are replayed as CUDA graphs: what of it a CPU shows, and on a GPU the same weights as without."""

from types import SimpleNamespace

import pytest
import torch
from torch.optim import SGD, Adam, RMSprop

from gan_lab.optimizers import MuonAdam
from gan_lab.training import capture
from gan_lab.training.build import build
from gan_lab.training.short_run import difference
from tests.tiny import fit, tiny

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="not measured: a CUDA graph needs a GPU")


def trainer(**plugin):
    return SimpleNamespace(world_size=1, precision_plugin=SimpleNamespace(**plugin))


def why(*overrides, **plugin):
    return list(capture.why_eager(trainer(**plugin), build(tiny(*overrides))))


def test_a_step_that_cannot_be_captured_says_why():
    assert why("model=dcgan") == []
    assert "scale" in why("model=dcgan", scaler=object())[0]
    assert "trick=replay" in why("model=dcgan", "trick=replay", "trick.replay.size=16")[0]
    assert why("model=vae_gan") == []
    assert "gate" in why("model=vae_gan", "model/gate=equilibrium")[0]


def test_without_a_gpu_nothing_changes():
    cfg = tiny("model=dcgan", images=16)
    assert difference(fit(cfg), fit(cfg, capture.Capture())) is None


@pytest.mark.parametrize(
    ("optimizer", "rate_on_device"),
    [(Adam, True), (torch.optim.AdamW, True), (RMSprop, False), (SGD, False), (MuonAdam, False)],
)
def test_learning_rates_lie_on_the_device_where_the_optimizer_reads_them_there(optimizer, rate_on_device):
    made = optimizer([torch.nn.Parameter(torch.ones(2, 2))], lr=0.5)
    capture.put_on_device(made, torch.device("cpu"))
    (*_, group) = made.param_groups
    assert torch.is_tensor(group["lr"]) == rate_on_device
    assert group.get("capturable", True)


class Broken(capture.CapturedStep):
    """Counts eager steps; no capture succeeds."""

    def __init__(self, gan, optimizers):
        self.gan, self.optimizers, self.kinds, self.level, self.taken = gan, optimizers, {}, None, 0

    def eager(self, kind, real, y):
        kind.taken += 1
        self.taken += 1
        self.gan.device_step(real, y)

    def capture(self, kind, real, y):
        self.gan._rngs[0].normal(3)  # a capture that breaks off has drawn
        raise RuntimeError("operation not permitted")


def test_after_a_broken_capture_training_goes_on_as_if_none_had_been_tried():
    steps = []

    class Tries(capture.Capture):
        def on_train_start(self, trainer, gan):
            gan.replay = Broken(gan, trainer.optimizers)
            steps.append(gan.replay)

    cfg = tiny("model=gan", images=40)
    with pytest.warns(UserWarning, match="eagerly, not as CUDA graphs: operation not permitted"):
        tried = fit(cfg, Tries())
    assert steps[0].taken == capture.WARMUP
    assert tried.replay is None
    assert difference(tried, fit(cfg)) is None


def test_a_rate_that_a_graph_would_keep_ends_the_attempts(monkeypatch):
    monkeypatch.setattr(capture, "KINDS", 3)
    steps = []

    class Tries(capture.Capture):
        def on_train_start(self, trainer, gan):
            gan.replay = Broken(gan, trainer.optimizers)
            steps.append(gan.replay)

    cfg = tiny("model=gan", "optimizer=rmsprop", "schedule=linear", images=40)
    with pytest.warns(UserWarning, match="options of RMSprop change at each step"):
        tried = fit(cfg, Tries())
    assert (steps[0].taken, steps[0].kinds) == (4, {})
    assert difference(tried, fit(cfg)) is None


def test_graphs_of_a_level_that_growth_has_left_are_freed():
    steps, levels = [], []

    class Tries(capture.Capture):
        def on_train_start(self, trainer, gan):
            gan.replay = Broken(gan, trainer.optimizers)
            gan.replay.capture = lambda kind, real, y: gan.replay.eager(kind, real, y)
            gan.replay.compare = lambda *_: None
            steps.append(gan.replay)

        def on_train_batch_end(self, trainer, gan, *_):
            levels.append(gan.kind.level)
            assert {key[0].level for key in steps[0].kinds} == {gan.kind.level}

    fit(tiny("model=pggan", "model.growth.images_per_level=16", images=48), Tries())
    assert len(set(levels)) > 1


GPU = ["trainer.accelerator=gpu", "trainer.devices=1"]


@on_a_gpu
@pytest.mark.parametrize("model", ["dcgan", "wgan_gp", "stylegan2", "pggan", "biggan", "infogan"])
def test_on_a_gpu_replays_make_the_weights_of_eager_steps(model):
    from hydra.utils import instantiate

    from gan_lab.training.build import build_data

    def trained(*callbacks):
        cfg = tiny(f"model={model}", *GPU, images=96)
        gan, options = build(cfg), {"enable_checkpointing": False, "limit_val_batches": 0, "logger": False}
        ends = instantiate(cfg.callback.stop_condition)
        instantiate(cfg.trainer, callbacks=[*callbacks, ends], **options).fit(gan, build_data(cfg))
        return torch.nn.utils.parameters_to_vector(gan.generator.parameters())

    eager, replayed = trained(), trained(capture.Capture())
    torch.testing.assert_close(replayed, eager, rtol=0, atol=0.005 * float(eager.abs().max()))
