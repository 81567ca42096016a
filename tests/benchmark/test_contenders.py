import pytest
from omegaconf import open_dict

from gan_lab.benchmark.contenders import Ours, Plain, with_setting
from gan_lab.benchmark.device import FlopCounter
from gan_lab.errors import InputError
from tests.tiny import tiny


@pytest.fixture(scope="module")
def cfg():
    cfg = tiny("model=wgan_gp", "model.d_steps=2")
    with open_dict(cfg):
        cfg.benchmark = {"warmup": 1}
    return cfg


@pytest.mark.parametrize(
    ("setting", "speed"),
    [
        ("plain", {}),
        ("plain+fused+channels_last", {"fused": True, "channels_last": True}),
        ("plain+precision:bf16-mixed", {"precision": "bf16-mixed"}),
        ("fast+capture:false+precision:32-true", {"fused": True, "channels_last": True}),
    ],
)
def test_a_setting_is_an_option_of_speed_with_changes(cfg, setting, speed):
    changed = with_setting(cfg, setting)
    plain = {"precision": "32-true", "channels_last": False, "fused": False, "compile": False, "capture": False}
    assert {key: changed.speed[key] for key in plain} == plain | speed
    assert changed.trainer.precision == changed.speed.precision


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("fats", "speed=fats does not exist .*did you mean 'fast'"),
        ("plain+fusd", r"plain\+fusd: the key of speed=fusd does not exist .*did you mean 'fused'"),
        ("plain+fused:maybe", "speed.fused=maybe"),
        ("plain+precision", "speed.precision=true is invalid"),
    ],
)
def test_a_setting_that_does_not_exist_is_named(cfg, setting, sentence):
    with pytest.raises(InputError, match=sentence):
        with_setting(cfg, setting)


def test_the_clock_starts_after_the_warm_up(cfg):
    class Window:
        def start(self):
            self.first = ours.gan.d_steps_done

        def stop(self):
            self.last = ours.gan.d_steps_done

    window = Window()
    ours = Ours(cfg, windows=[window])
    assert ours(3) > 0
    assert (window.first, window.last) == (1, 4)


def test_flops_are_those_of_whole_periods_with_the_double_backward(cfg):
    less = cfg.copy()
    less.penalty = {}
    with_penalty, without = (Plain(each).flops_per_image() for each in (cfg, less))
    assert 1.3 * without < with_penalty < 3 * without


def test_flops_of_each_kind_of_step_are_counted_once():
    cfg = tiny("model=gan", "model.d_steps=2", "penalty=r1", "penalty.r1.interval=4")
    with open_dict(cfg):
        cfg.benchmark = {"warmup": 1}
    loop, every = Plain(cfg), Plain(cfg)
    with FlopCounter() as counter:
        for _ in range(4):
            every.step()
    assert loop.flops_per_image() == counter.total / (4 * len(every.batch[0]))
    assert (loop.loop.gan.d_steps_done, loop.loop.gan.g_steps_done) == (4, 2)
    assert max(state["step"] for state in loop.loop.gan.all_optimizers[1].state.values()) == 3
