"""Steps that are replayed as CUDA graphs: what of it a CPU shows, and on a GPU the same weights as without."""

import os
import warnings
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from hydra.utils import instantiate
from lightning.pytorch.strategies import DDPStrategy
from torch.optim import SGD, Adam, RMSprop

from gan_lab.optimizers import MuonAdam
from gan_lab.penalties import Penalty
from gan_lab.training import capture
from gan_lab.training.build import build, build_data
from gan_lab.training.short_run import difference
from gan_lab.training.speed import backends, choose
from tests.tiny import TINY, fit, tiny, train_into

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once: by the first product, before a test is deterministic

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="not measured: a CUDA graph needs a GPU")


def trainer(world_size=1, strategy=None, **plugin):
    return SimpleNamespace(world_size=world_size, strategy=strategy, precision_plugin=SimpleNamespace(**plugin), optimizers=[])


def why(*overrides, **plugin):
    return list(capture.why_eager(trainer(**plugin), build(tiny(*overrides))))


def test_a_step_that_cannot_be_captured_says_why():
    assert why("model=dcgan") == []
    assert "scale" in why("model=dcgan", scaler=object())[0]
    assert "trick=replay" in why("model=dcgan", "trick=replay", "trick.replay.size=16")[0]
    assert why("model=vae_gan") == []
    assert "gate" in why("model=vae_gan", "model/gate=equilibrium")[0]


@pytest.mark.parametrize(("world_size", "strategy"), [(2, None), (1, DDPStrategy())])
def test_under_ddp_steps_on_a_gpu_stay_eager_and_the_run_says_why(world_size, strategy, monkeypatch, capsys):
    gan = build(tiny("model=dcgan"))
    monkeypatch.setattr(type(gan), "device", torch.device("cuda"))
    capture.Capture().on_train_start(trainer(world_size, strategy), gan)
    assert gan.replay is gan.clock is None
    assert capsys.readouterr().out.strip() == "steps run eagerly, not as CUDA graphs: DDP exchanges gradients by hooks"


def test_the_options_that_a_graph_keeps_are_numbers_and_no_tensors():
    optimizers = [Adam([torch.nn.Parameter(torch.ones(2))], lr=0.5, betas=(0.25, 0.75)) for _ in range(2)]
    before = capture.kept_options(optimizers)
    assert {0.5, 0.25, 0.75} <= set(before)
    optimizers[1].param_groups[0]["betas"] = (0.25, 0.875)
    assert capture.kept_options(optimizers) != before
    capture.put_on_device(optimizers[1], torch.device("cpu"), ("lr", "betas"))
    kept = capture.kept_options(optimizers)
    optimizers[1].param_groups[0]["lr"].fill_(0.125)
    optimizers[1].param_groups[0]["betas"][1].fill_(0.125)
    assert capture.kept_options(optimizers) == kept
    assert (kept.count(0.5), kept.count(0.875)) == (1, 0)


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


def trying(kind, steps=None):
    """A callback that lets a GAN take its steps by this kind of `CapturedStep`, and lists it in ``steps``."""

    class Tries(capture.Capture):
        def on_train_start(self, trainer, gan):
            gan.replay = kind(gan, trainer.optimizers)
            if steps is not None:
                steps.append(gan.replay)

    return Tries()


def test_after_a_broken_capture_training_goes_on_as_if_none_had_been_tried():
    steps = []
    cfg = tiny("model=gan", images=40)
    with pytest.warns(UserWarning, match="eagerly, not as CUDA graphs: operation not permitted"):
        tried = fit(cfg, trying(Broken, steps))
    assert steps[0].taken == capture.WARMUP + 1
    assert tried.replay is None
    assert difference(tried, fit(cfg)) is None


class Wrong(Broken):
    """Replays that do something else."""

    def capture(self, kind, real, y):
        kind.scalars = {"d_loss": torch.zeros(())}

    def replay(self, kind, real, y):
        with torch.no_grad():
            for weight in self.gan.parameters():
                weight.fill_(7)
        self.gan.set_tracked({"d_loss": torch.tensor(7.0)})


def test_a_replay_that_differs_from_the_eager_step_leaves_nothing_behind():
    cfg = tiny("model=gan", images=40)
    with pytest.warns(UserWarning, match=r"d_loss is 7 by a replay and [0-9.]+ without"):
        tried = fit(cfg, trying(Wrong))
    assert difference(tried, fit(cfg)) is None


class Still(Broken):
    """Replays that make the same losses, and leave the weights as they are: an optimizer has stepped on the host."""

    def capture(self, kind, real, y):
        pass

    replay = capture


def test_a_replay_that_moves_no_weight_is_seen():
    cfg = tiny("model=gan", images=40)
    with pytest.warns(UserWarning, match=r"g_update_norm is 0 by a replay and 0\.[0-9]+ without"):
        tried = fit(cfg, trying(Still))
    assert difference(tried, fit(cfg)) is None


class Replaces(Penalty):
    """Keeps a mean of its own by assignment, as a graph could not."""

    def __init__(self):
        super().__init__(weight=1.0)
        self.register_buffer("mean", torch.zeros(()))

    def term(self, discriminator, batch):
        self.mean = self.mean / 2 + batch.real_logits.detach().mean()
        return self.mean * batch.real_logits.mean()


def test_a_step_that_replaces_a_tensor_is_not_captured():
    class Adds(L.Callback):
        def setup(self, trainer, gan, stage):
            gan.penalties["own"] = Replaces()

    cfg = tiny("model=gan", images=24)
    with pytest.warns(UserWarning, match="penalties.own.mean is another tensor after a step"):
        tried = fit(cfg, Adds(), trying(Broken))
    assert difference(tried, fit(cfg, Adds())) is None


def test_a_rate_that_a_graph_would_keep_ends_the_attempts(monkeypatch):
    monkeypatch.setattr(capture, "KINDS", 3)
    steps = []
    cfg = tiny("model=gan", "optimizer=rmsprop", "schedule=linear", images=40)
    with pytest.warns(UserWarning, match="options of RMSprop change at each step"):
        tried = fit(cfg, trying(Broken, steps))
    assert (steps[0].taken, steps[0].kinds) == (4, {})
    assert difference(tried, fit(cfg)) is None


def test_graphs_of_a_level_that_growth_has_left_are_freed():
    steps, levels = [], []

    class Tries(capture.Capture):
        def on_train_start(self, trainer, gan):
            gan.replay = Broken(gan, trainer.optimizers)
            gan.replay.attempt = gan.replay.eager
            steps.append(gan.replay)

        def on_train_batch_end(self, trainer, gan, *_):
            levels.append(gan.kind.level)
            assert {key[0].level for key in steps[0].kinds} == {gan.kind.level}

    fit(tiny("model=pggan", "model.growth.images_per_level=16", images=48), Tries())
    assert len(set(levels)) > 1


GPU = ["trainer.accelerator=gpu", "trainer.devices=1"]
DETERMINISTIC = ["trainer.deterministic=true", "data.num_workers=0"]


def trained_on_a_gpu(*overrides):
    """A GAN after 96 images with these options."""
    cfg = tiny(*GPU, *overrides, images=96)
    choose(cfg)
    gan, callbacks = build(cfg), [*capture.callbacks(cfg.speed), instantiate(cfg.callback.stop_condition)]
    options = {"enable_checkpointing": False, "limit_val_batches": 0, "logger": False}
    trainer = instantiate(cfg.trainer, callbacks=callbacks, **options)
    with backends(cfg.speed):
        trainer.fit(gan, build_data(cfg))
    return gan


@on_a_gpu
@pytest.mark.parametrize("model", ["dcgan", "wgan_gp", "stylegan2", "pggan", "biggan", "infogan", "r3gan"])
def test_on_a_gpu_replays_make_the_weights_of_eager_steps(model):
    eager, replayed = (
        torch.nn.utils.parameters_to_vector(
            trained_on_a_gpu(f"model={model}", f"speed.capture={capture}").generator.parameters()
        )
        for capture in ("false", "true")
    )
    torch.testing.assert_close(replayed, eager, rtol=0, atol=0.005 * float(eager.abs().max()))


@on_a_gpu
def test_on_a_gpu_a_loader_pins_memory_while_a_step_is_captured():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "steps run eagerly")
        trained_on_a_gpu("model=dcgan", "speed.capture=true", "data.num_workers=2")


@on_a_gpu
def test_on_a_gpu_what_breaks_in_a_capture_draws_again_afterwards(monkeypatch):
    def breaks(graph):
        end(graph)
        raise RuntimeError("operation not permitted")

    def refuses(*args):
        raise RuntimeError("operation not permitted")

    end, options = torch.cuda.CUDAGraph.capture_end, ("model=stylegan2", "speed.capture=true", *DETERMINISTIC)
    runs = []
    for place, name, fault in ((torch.cuda.CUDAGraph, "capture_end", breaks), (capture.CapturedStep, "capture", refuses)):
        with monkeypatch.context() as patch, pytest.warns(UserWarning, match="eagerly, not as CUDA graphs"):
            patch.setattr(place, name, fault)
            runs.append(trained_on_a_gpu(*options))
    assert difference(*runs) is None


@on_a_gpu
@pytest.mark.parametrize("speed", ["plain", "fast"])
@pytest.mark.parametrize("model", ["dcgan", "wgan_gp", "stylegan2"])
def test_on_a_gpu_a_deterministic_run_repeats_bit_for_bit(model, speed):
    options = (f"model={model}", f"speed={speed}", *DETERMINISTIC)
    assert difference(trained_on_a_gpu(*options), trained_on_a_gpu(*options)) is None


@on_a_gpu
@pytest.mark.parametrize("speed", ["plain", "fast"])
def test_on_a_gpu_a_deterministic_run_resumes_bit_for_bit(tmp_path, speed):
    options = [
        *TINY,
        *GPU,
        "model=wgan_gp",
        f"speed={speed}",
        *DETERMINISTIC,
        "metric=none",
        "schedule=constant",
        "log_every_steps=5",
    ]  # so that a run stops between two rows of losses
    whole = train_into(tmp_path / "whole", *options, "max_images=192")
    train_into(tmp_path / "parts", *options, "max_images=64")
    train_into(tmp_path / "parts", *options, "max_images=192", "resume=auto")
    weights = [
        torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for folder in (whole, tmp_path / "parts")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0] if torch.is_tensor(weights[0][name]))
