import pytest
import torch

from gan_lab.adversary.multi_period import MultiPeriod, PeriodDiscriminator


def test_it_has_the_size_of_hifi_gans_five_discriminators():
    with torch.device("meta"):
        discriminator = MultiPeriod()
    assert sum(weight.numel() for weight in discriminator.parameters()) == 41_105_770
    weights = [weight for name, weight in discriminator.named_parameters() if not name.endswith("original0")]
    assert sum(weight.numel() for weight in weights) == 41_092_165  # without the gains of weight norm


@pytest.mark.parametrize("length", [60, 61, 79])
def test_any_length_is_folded_to_rows_of_a_period(length):
    logits, features = MultiPeriod(2, (2, 3, 5), 2)(torch.randn(3, 2, length))
    rows = [-(-length // period) for period in (2, 3, 5)]
    assert [layers[0].shape[2] for layers in features] == [-(-row // 3) for row in rows]
    assert [tuple(map_.shape[i] for i in (0, 1, 3)) for map_ in logits] == [(3, 1, 2), (3, 1, 3), (3, 1, 5)]
    assert all(torch.equal(layers[-1], map_) for layers, map_ in zip(features, logits, strict=True))


def test_a_column_sees_every_period_th_sample_and_no_other():
    discriminator = PeriodDiscriminator(3, width=2)
    x = torch.randn(1, 1, 90, requires_grad=True)
    (gradient,) = torch.autograd.grad(discriminator(x).logits[0][..., 1].sum(), x)
    assert gradient.view(30, 3)[:, [0, 2]].abs().max() == 0
    assert (gradient.view(30, 3)[:, 1] != 0).all()
