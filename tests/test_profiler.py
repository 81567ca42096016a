import logging

from hydra.utils import instantiate
from lightning import Trainer
from lightning.pytorch.profilers import SimpleProfiler

from gan_lab.cli.compose import compose
from gan_lab.cli.console import quiet
from gan_lab.profiler import NoProfiler


def test_a_run_is_not_profiled_unless_one_asks_for_it():
    assert isinstance(instantiate(compose("train", []).trainer, logger=False).profiler, NoProfiler)
    cfg = compose("train", ["trainer.profiler=simple"])
    assert "SimpleProfiler" in type(instantiate(cfg.trainer, logger=False).profiler).__name__


def test_the_block_runs_and_its_error_passes_through():
    profiler, seen = Trainer(profiler=NoProfiler(), logger=False, accelerator="cpu").profiler, []
    with profiler.profile("one"), profiler.profile("two"):
        seen.append(1)
    assert seen == [1]


def test_the_report_that_one_asks_for_is_said(caplog):
    quiet()
    profiler = SimpleProfiler()
    with profiler.profile("a step"):
        pass
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(caplog.handler)
    profiler.describe()
    logger.removeHandler(caplog.handler)
    assert "a step" in caplog.text
