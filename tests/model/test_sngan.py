import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.training.build import build
from tests.tiny import fit, tiny
from tests.toy import after_one_step


def test_the_losses_are_hinges():
    dirac = "~network.discriminator.norm"  # a critic of one weight vector, w . x
    assert after_one_step("model=sngan", dirac) == pytest.approx(after_one_step("model=hinge"), abs=0)


@pytest.mark.parametrize("network", ["resnet", "sndcgan"])
def test_every_layer_of_d_has_a_largest_singular_value_of_one_and_none_of_g(network):
    gan = fit(tiny("model=sngan", f"network={network}"))
    layers = {name: m for name, m in gan.named_modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)}
    of_d = [m for name, m in layers.items() if name.startswith("discriminator.")]
    assert len(of_d) >= 4
    for layer in of_d:
        assert torch.linalg.matrix_norm(layer.eval().weight.detach().flatten(1), 2).item() == pytest.approx(1, abs=0.1)
    assert not any("parametrizations" in name for name, _ in gan.generator.named_modules())


def test_judging_moves_no_estimate_of_a_singular_value():
    gan = fit(tiny("model=sngan")).eval()
    before = {name: value.clone() for name, value in gan.discriminator.state_dict().items()}
    gan.logits(torch.zeros(4, 1, 8, 8), None)
    assert all(torch.equal(before[name], value) for name, value in gan.discriminator.state_dict().items())


def test_defaults_are_the_authors_cifar_10_recipe():
    cfg = compose("train", ["model=sngan"])
    assert "resnet" in cfg.network.discriminator._target_
    assert (cfg.network.discriminator.norm, cfg.network.generator.norm) == ("spectral", "batch")
    assert (cfg.model.d_steps, cfg.model.g_batch_ratio, dict(cfg.get("penalty") or {})) == (5, 2, {})
    assert (cfg.optimizer.d.lr, cfg.optimizer.d.betas) == (2e-4, [0.0, 0.9])
    assert "Linear" in cfg.schedule._target_


def test_the_other_pair_of_the_paper_builds():
    assert build(tiny("model=sngan", "network=sndcgan")).sample(range(2)).shape == (2, 1, 8, 8)
