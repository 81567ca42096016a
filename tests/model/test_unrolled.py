from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.func import functional_call

from gan_lab.errors import InputError
from gan_lab.model.unrolled import FunctionalOptimizer
from gan_lab.training.build import build
from gan_lab.training.short_run import equal
from tests.tiny import context, fit, tiny


def state(gan):
    return {name: value.clone() for name, value in gan.discriminator.state_dict().items()}


def test_without_steps_ahead_it_is_gan_bit_for_bit():
    plain, unrolled = (fit(tiny(f"model={model}", "network=dcgan", *options)) for model, options in
                       (("gan", ["model/g_loss=saturating"]), ("unrolled", ["model.unroll_steps=0"])))  # fmt: skip
    assert equal(plain, unrolled)


def test_with_steps_ahead_d_does_the_same_in_the_first_step():
    plain, unrolled = (fit(tiny(f"model={model}", images=4)) for model in ("gan", "unrolled"))
    assert equal(plain.discriminator, unrolled.discriminator)


@pytest.mark.parametrize("steps", [1, 3])
def test_g_descends_on_the_value_of_the_game_after_ds_steps(steps):
    """Eq. 9 to 11 by a loop of its own, with D's descent written out."""
    options = ["data=gaussians", "data.batch_size=16", "optimizer=sgd", "optimizer.d.lr=0.3", f"model.unroll_steps={steps}"]
    gan = fit(tiny("model=unrolled", *options, images=32)).double()
    real = torch.randn(16, 2, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = gan.generator_batch(real, None, context(gan, "g"))
    loss = gan.generator_loss(batch)
    weights = list(gan.generator.parameters())
    found = torch.autograd.grad(loss, weights, retain_graph=True)

    names, ahead = zip(*gan.discriminator.named_parameters(), strict=True)

    def value(ahead):
        real_logits, fake_logits = (
            functional_call(gan.discriminator, dict(zip(names, ahead, strict=True)), (x,)) for x in (real, batch.fake)
        )
        return (real_logits.sigmoid().log() + (1 - fake_logits.sigmoid()).log()).mean()

    for _ in range(steps):
        slopes = torch.autograd.grad(value(ahead), ahead, create_graph=True)
        ahead = [weight + 0.3 * slope for weight, slope in zip(ahead, slopes, strict=True)]
    torch.testing.assert_close(loss, value(ahead))
    for ours, theirs in zip(found, torch.autograd.grad(value(ahead), weights), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_gs_gradient_leaves_d_its_buffers_and_its_optimizer_as_they_were(optimizer):
    gan = fit(tiny("model=unrolled", f"optimizer={optimizer}", "network=dcgan", "network.discriminator.width=8",
                   "network.generator.width=8", images=8))  # fmt: skip
    before, memory = state(gan), gan.all_optimizers[1].state_dict()
    moments = [value.clone() for entry in memory["state"].values() for value in entry.values() if torch.is_tensor(value)]
    gan.train()
    batch = gan.generator_batch(torch.rand(4, 1, 8, 8), None, context(gan, "g"))
    gan.generator_loss(batch).backward()
    assert all(torch.equal(value, before[name]) for name, value in state(gan).items())
    after = gan.all_optimizers[1].state_dict()
    assert all(torch.equal(a, b) for a, b in zip(
        moments, [value for entry in after["state"].values() for value in entry.values() if torch.is_tensor(value)], strict=True
    ))  # fmt: skip
    assert all(weight.grad is None for weight in gan.discriminator.parameters())


@pytest.mark.parametrize(
    "make",
    [
        lambda weights: torch.optim.Adam(weights, lr=0.1, betas=(0.5, 0.9)),
        lambda weights: torch.optim.SGD(weights, lr=0.1),
        lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.7),
    ],
)
def test_the_steps_ahead_are_those_that_the_optimizer_takes(make):
    torch.manual_seed(0)
    net, x = nn.Sequential(OrderedDict(a=nn.Linear(3, 4), b=nn.Tanh(), c=nn.Linear(4, 1))).double(), torch.randn(5, 3).double()
    optimizer = make(list(net.parameters()))

    def loss(weights):
        return functional_call(net, weights, (x,)).square().mean()

    def step():
        optimizer.zero_grad()
        loss(dict(net.named_parameters())).backward()
        optimizer.step()

    for _ in range(2):
        step()  # it has a memory
    ahead, weights = (
        FunctionalOptimizer(optimizer, dict(net.named_parameters())),
        {n: p.detach().clone() for n, p in net.named_parameters()},
    )
    for _ in range(3):
        leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        gradients = torch.autograd.grad(loss(leaves), list(leaves.values()))
        weights = ahead.step(leaves, dict(zip(leaves, gradients, strict=True)))
    for _ in range(3):
        step()
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(weights[name], parameter, rtol=1e-9, atol=1e-12)


def test_gradients_flow_through_the_steps_as_finite_differences_say():
    cfg = tiny("model=unrolled", "data=dirac", "optimizer=sgd", "optimizer.d.lr=0.3", "model.unroll_steps=3", images=16)
    gan = fit(cfg)
    gan.double()
    real = torch.zeros(4, 2, 1, 1, dtype=torch.float64)

    def loss(theta):
        gan.generator.theta.data.fill_(theta)
        return gan.generator_loss(gan.generator_batch(real, None, context(gan, "g")))

    gan.generator.zero_grad()
    loss(0.4).backward()
    slope = gan.generator.theta.grad.sum().item()
    with_freeze = (loss(0.4 + 1e-5) - loss(0.4 - 1e-5)).item() / 2e-5
    assert slope == pytest.approx(with_freeze, rel=1e-6)


def test_a_gradient_of_nought_leaves_all_finite():
    weight = nn.Parameter(torch.ones(2))
    ahead = FunctionalOptimizer(torch.optim.Adam([weight]), {"w": weight})
    leaf = torch.ones(2, requires_grad=True)
    ahead.step({"w": leaf}, {"w": leaf * 0})["w"].sum().backward()
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize(
    ("options", "what"), [(["optimizer=rmsprop"], "RMSprop"), (["+optimizer.d.weight_decay=0.1"], "weight_decay")]
)
def test_an_optimizer_that_cannot_be_looked_ahead_with_is_named(options, what):
    with pytest.raises(InputError, match=rf"model=unrolled .*{what}.*use optimizer=adam"):
        fit(tiny("model=unrolled", *options, images=4))


def test_it_states_that_it_couples_a_batch():
    assert build(tiny("model=unrolled")).batch_dependent


def test_gs_step_leaves_the_vectors_of_spectral_norm_as_they_were():
    gan = fit(tiny("model=unrolled", "network=mlp", "network.generator.width=[8]", "network.discriminator.width=[8]",
                   "network.discriminator.norm=spectral", images=8)).train()  # fmt: skip
    before = state(gan)
    gan.generator_gradient(torch.rand(4, 1, 8, 8), None, context(gan, "g"))
    gan.generator_step()
    assert sum(name.endswith(("._u", "._v")) for name in before) >= 4
    assert all(torch.equal(value, before[name]) for name, value in state(gan).items())
