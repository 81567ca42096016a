"""What holds for each trick, found in conf/trick, and for all of them together."""

from functools import cache, partial

import lightning as L
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gan_lab.training import checkpoint
from gan_lab.training.build import build
from gan_lab.training.checked_gan import Snapshots
from gan_lab.training.short_run import equal
from tests.pair import FLOAT64, IMAGES, MLP, pair, train
from tests.tiny import CONF, fit, tiny

TRICKS = sorted(path.stem for path in (CONF / "trick").glob("*.yaml") if path.stem != "none")
SMALL = {
    "replay": ["trick.replay.size=18"],  # full after 4 steps of 4 images
    "checkpoint_swap": ["trick.checkpoint_swap.interval=4", "trick.checkpoint_swap.steps=2"],
    "soft_labels": ["trick.soft_labels.real=[0.7,1.2]", "trick.soft_labels.flip=0.2"],
}
CHOICES = {name: [f"trick={name}", *SMALL.get(name, [])] for name in TRICKS}
CHOICES["all"] = [f"trick=[{','.join(TRICKS)}]", *(option for options in SMALL.values() for option in options)]
WHOLE = [name for name in TRICKS if name != "layer_noise"]  # noise inside networks is each process's and part's own
CHOICES["whole"] = [f"trick=[{','.join(WHOLE)}]", *(option for options in SMALL.values() for option in options)]
STOPS = (3, 7, 8)
"""Steps of D: in the fill of the memory and the turn of G's copy, of D's, at its end."""


@pytest.fixture(scope="module", params=CHOICES)
def trick(request):
    return request.param


together = pytest.mark.parametrize(
    "trick", [pytest.param(name, marks=() if name == "all" else pytest.mark.slow) for name in CHOICES], scope="module"
)
"""What holds for all tricks together is tested of each alone among the slow tests."""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def undisturbed(trick, checkpoints):
    """A run that leaves a checkpoint at each of the stops."""
    return fit(tiny("model=dcgan", *CHOICES[trick]), Snapshots(checkpoints, [4 * stop for stop in STOPS]))


def test_it_has_its_own_name_and_changes_the_run(trick):
    model = "model=gan" if trick in ("soft_labels", "all", "whole") else "model=hinge"  # whose loss no trick computes otherwise
    gan = fit(tiny(model, *CHOICES[trick]))
    assert sorted(gan.tricks) == {"all": TRICKS, "whole": WHOLE}.get(trick, [trick])
    assert not torch.equal(parameters(gan), without_tricks(model))


@cache
def without_tricks(model):
    return parameters(fit(tiny(model)))


def parameters(gan):
    return torch.cat([weight.flatten() for weight in gan.generator.parameters()])


@together
@pytest.mark.parametrize("stop", STOPS)
def test_a_resumed_run_equals_an_undisturbed_one_bit_for_bit(undisturbed, trick, checkpoints, stop):
    resumed = fit(tiny("model=dcgan", *CHOICES[trick]), ckpt_path=checkpoints / f"{4 * stop}.ckpt")
    assert equal(undisturbed, resumed)


@together
def test_judging_and_sampling_know_nothing_of_it(undisturbed, trick, tmp_path):
    cfg = tiny("model=dcgan", *CHOICES[trick])
    judged = fit(cfg, checkpoint.EmbedConfig(cfg, []), limit_val_batches=2, val_check_interval=3)
    assert equal(judged, undisturbed)
    checkpoint.save(judged.trainer, tmp_path / "a.ckpt")
    loaded, _ = checkpoint.load(tmp_path / "a.ckpt")
    without = build(tiny("model=dcgan"))
    without.generator_ema.load_state_dict(judged.generator_ema.state_dict())
    assert torch.equal(loaded.sample(range(4)), without.sample(range(4)))


class Reading(TorchDispatchMode):
    """Notes what would make a GPU wait: a number that the host asks for."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function == torch.ops.aten._local_scalar_dense.default:
            self.found.append(function)
        return function(*args, **(kwargs or {}))


HOOKS = {"targets", "fakes", "term", "after_step"}


class Watch(L.Callback):
    """Runs every hook of every trick under a `Reading`."""

    def __init__(self):
        self.reading, self.calls = Reading(), []

    def on_fit_start(self, trainer, gan):
        for trick in gan.tricks.values():
            for name in HOOKS:
                setattr(trick, name, partial(self.call, name, getattr(trick, name)))

    def call(self, name, hook, *args):
        self.calls.append(name)
        with self.reading:
            return hook(*args)


@together
def test_it_asks_the_device_for_no_number(trick):
    watch = Watch()
    fit(tiny("model=gan", *CHOICES[trick]), watch)
    assert {*watch.calls} == HOOKS
    assert watch.reading.found == []


@pytest.mark.parametrize("trick", [*(pytest.param(name, marks=pytest.mark.slow) for name in WHOLE), "whole"])
def test_parts_of_a_batch_are_treated_as_the_whole(trick):
    options = ["model=gan", *IMAGES, *MLP, *FLOAT64, *CHOICES[trick], "data.batch_size=4"]
    whole, parts = (fit(tiny(*options, f"accumulate={n}")) for n in (1, 2))
    for name, value in tensors(whole).items():
        torch.testing.assert_close(tensors(parts)[name], value, rtol=0, atol=1e-10)


def tensors(gan):
    return {name: value for name, value in gan.state_dict().items() if torch.is_tensor(value)}


@pytest.mark.slow
def test_two_processes_train_as_one_with_all_tricks(tmp_path):
    options = ["model=gan", *IMAGES, *MLP, *FLOAT64, *CHOICES["whole"]]
    one = train([*options, "data.batch_size=4"])
    first, second = pair(tmp_path, {"all": [*options, "data.batch_size=2"]})["all"]
    for name, value in one["weights"].items():
        torch.testing.assert_close(first["weights"][name], value, rtol=0, atol=1e-8)
    assert (first["steps"], first["buffers"]) == (second["steps"], second["buffers"])
