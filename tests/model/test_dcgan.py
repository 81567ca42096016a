import pytest

from gan_lab.cli.compose import compose
from tests.toy import after_one_step


def test_the_algorithm_is_goodfellows():
    assert after_one_step("model=dcgan") == pytest.approx(after_one_step("model=gan"), abs=0)


def test_defaults_are_the_papers():
    cfg = compose("train", ["model=dcgan"])
    for network in (cfg.network.generator, cfg.network.discriminator):
        assert "dcgan" in network._target_
        assert network.norm == "batch"
    for optimizer in (cfg.optimizer.g, cfg.optimizer.d):
        assert (optimizer._target_, optimizer.lr, optimizer.betas) == ("torch.optim.Adam", 2e-4, [0.5, 0.999])
    assert not cfg.get("penalty")
