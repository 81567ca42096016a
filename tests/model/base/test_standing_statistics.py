import torch
from torch import nn

from gan_lab.model.base import standing_statistics
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny


def test_they_are_the_mean_over_the_batches():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    batches = [torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]

    class G(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, z, y=None):
            return self.net(z)

    made = standing_statistics.recomputed(G(), [(z, None) for z in batches])
    hidden = [net[0](z) for z in batches]
    torch.testing.assert_close(made.net[1].running_mean, torch.stack([h.mean(0) for h in hidden]).mean(0))
    torch.testing.assert_close(made.net[1].running_var, torch.stack([h.var(0) for h in hidden]).mean(0))
    assert torch.equal(net[1].running_mean, torch.zeros(4))
    assert not made.training


def test_they_follow_the_weights_and_change_no_training():
    gan = fit(tiny("model=dcgan", "model.standing_batches=2"))
    plain = fit(tiny("model=dcgan"))
    assert equal(gan.generator_ema, plain.generator_ema)
    first = gan.sample(4)
    assert not torch.equal(first, plain.sample(4))
    assert torch.equal(first, gan.sample(4))
    with torch.no_grad():
        for weight in gan.generator_ema.parameters():
            weight.mul_(1.1)
    gan.g_steps_done += 1
    changed = gan.sample(4)
    assert not torch.equal(first, changed)
    gan.set_extra_state(gan.get_extra_state())
    assert torch.equal(changed, gan.sample(4))


def test_a_generator_without_batchnorm_is_itself():
    gan = fit(tiny("model=gan", "network.generator.norm=none", "model.standing_batches=2", images=4))
    assert gan.with_standing_statistics(gan.generator_ema) is gan.generator_ema
