import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.training.build import build
from tests.tiny import context, fit, tiny

SMALL = ["network.generator.style_dim=8", "network.generator.latent_dim=8", "network.generator.mapping_layers=2",
         "network.generator.width=8", "network.discriminator.width=8"]  # fmt: skip


def small(*options, **keywords):
    return tiny("model=stylegan2", *SMALL, *options, **keywords)


def test_defaults_are_lazy_terms():
    cfg = compose("train", ["model=stylegan2"])
    assert (cfg.penalty.r1.interval, cfg.regularizer.path_length.interval) == (16, 4)
    assert (cfg.optimizer.g.lr, cfg.optimizer.d.betas) == (2e-3, [0.0, 0.99])


def test_lazy_terms_are_taken_at_the_steps_of_their_player():
    seen = []
    gan = build(small("model.d_steps=2", "penalty.r1.interval=4", "regularizer.path_length.interval=2"))
    track = gan.track
    gan.track = lambda **values: seen.append(sorted(values.keys() & {"r1", "path_length"})) or track(**values)
    fit(small("model.d_steps=2", "penalty.r1.interval=4", "regularizer.path_length.interval=2", images=32), gan=gan)
    d, g = ["r1"], ["path_length"]
    assert seen == [d, [], g, [], [], [], d, [], g, [], [], []]


@pytest.mark.parametrize("mixing", [0.0, 1.0])
def test_layers_from_a_random_one_on_have_the_styles_of_a_second_latent(mixing):
    gan = build(small(f"model.mixing={mixing}"))
    given = []
    gan.generator.register_forward_pre_hook(lambda module, inputs: given.append(inputs))
    gan.fakes(torch.randn(64, 8), torch.zeros(64, dtype=torch.long), context(gan))
    (inputs,) = given
    if not mixing:
        assert len(inputs) == 2
        return
    _, _, second, mixed = inputs
    assert second.shape == (64, 8)
    firsts = (~mixed).sum(1)
    assert torch.equal(mixed, torch.arange(4) >= firsts[:, None])
    assert firsts.unique().tolist() == [1, 2, 3]


def test_mixed_styles_are_those_of_each_latent_in_its_layers():
    g = build(small("data.num_classes=null")).generator.eval()
    z, second = torch.randn(2, 2, 8)
    mixed = torch.tensor([[False, False, True, True], [False, True, True, True]])
    w = torch.stack([torch.stack([(g.mapping(second if m else z)[n]) for m in row]) for n, row in enumerate(mixed)])
    torch.testing.assert_close(g(z, None, second, mixed), g.synthesis(w).clamp(-1, 1))


def test_truncation_moves_styles_towards_their_tracked_mean():
    gan = fit(small("data.num_classes=null", images=16))
    mean = gan.generator_ema.mapping.mean
    assert mean.abs().sum() > 0
    alike = gan.sample(4, truncation=0.0)
    torch.testing.assert_close(alike, alike[:1].expand_as(alike))
    torch.testing.assert_close(gan.sample(4, truncation=1.0), gan.sample(4), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(alike[:1], gan.generator_ema.synthesis(mean.expand(1, 4, -1)).clamp(-1, 1))
    with pytest.raises(InputError, match="give a number from 0 to 1"):
        gan.sample(4, truncation=-1)


def test_without_styles_a_generator_is_trained_as_it_is():
    gan = fit(tiny("model=stylegan2", "network=mlp", images=16))
    assert gan.sample(3, truncation=0.5).shape == (3, 1, 8, 8)


def test_labels_condition_both_networks():
    gan = fit(small(images=8))
    assert (gan.num_classes, gan.discriminator.num_classes) == (3, 3)
    assert not torch.equal(gan.sample(2, classes=[0]), gan.sample(2, classes=[1]))
