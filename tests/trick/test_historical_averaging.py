import lightning as L
import pytest
import torch

from gan_lab.training.build import build
from tests.tiny import fit, tiny

TRICK = ["model=gan", "trick=historical_averaging"]


def parameters(network):
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


class Watch(L.Callback):
    """Notes both networks' weights at first and after each of their steps, and the terms of each step."""

    def __init__(self):
        self.g, self.d, self.terms = [], [], []

    def on_train_start(self, trainer, gan):
        self.g, self.d = [parameters(gan.generator)], [parameters(gan.discriminator)]

    def on_train_batch_end(self, trainer, gan, *args):
        self.d.append(parameters(gan.discriminator))
        if gan.d_steps_since_g == 0:
            self.g.append(parameters(gan.generator))
        self.terms.append({name: value.item() for name, value in gan.tracked.items() if "averaging" in name})


@pytest.fixture(scope="module")
def watched():
    watch = Watch()
    return fit(tiny(*TRICK, "model.d_steps=2", "trick.historical_averaging.weight=0.5"), watch), watch


def test_means_are_over_the_first_weights_and_those_after_each_own_step(watched):
    gan, watch = watched
    means = gan.tricks["historical_averaging"].means
    assert (len(watch.d), len(watch.g)) == (13, 7)
    torch.testing.assert_close(parameters(means["d"]), torch.stack(watch.d).mean(0), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(parameters(means["g"]), torch.stack(watch.g).mean(0), rtol=1e-5, atol=1e-6)


def test_terms_are_the_weighted_squared_distances_from_the_means_so_far(watched):
    _, watch = watched
    for step, terms in enumerate(watch.terms):
        mean = torch.stack(watch.d[: step + 1]).mean(0)
        expected = {"d_historical_averaging": 0.5 * (watch.d[step] - mean).square().sum().item()}
        if step % 2:
            done = step // 2
            mean = torch.stack(watch.g[: done + 1]).mean(0)
            expected["g_historical_averaging"] = 0.5 * (watch.g[done] - mean).square().sum().item()
        assert terms == pytest.approx(expected, rel=1e-3, abs=1e-9)
    assert watch.terms[-1]["d_historical_averaging"] > 0


def test_the_gradient_points_away_from_the_mean():
    gan = build(tiny(*TRICK, "trick.historical_averaging.weight=0.5"))
    with torch.no_grad():
        for weight in gan.discriminator.parameters():
            weight += 0.25
    gan.tricks["historical_averaging"].term("d", gan.discriminator).backward()
    for weight in gan.discriminator.parameters():
        torch.testing.assert_close(weight.grad, torch.full_like(weight, 0.25), rtol=1e-4, atol=1e-5)
    assert all(weight.grad is None for weight in (*gan.generator.parameters(), *gan.tricks.parameters()))


def test_the_means_are_in_the_state_and_no_optimizer_moves_them(watched):
    gan, _ = watched
    names = {name for name in gan.state_dict() if name.startswith("tricks.historical_averaging.means.")}
    assert {name.split(".")[3] for name in names} == {"g", "d"}
    moved = {
        id(weight) for optimizer in gan.trainer.optimizers for group in optimizer.param_groups for weight in group["params"]
    }
    assert moved.isdisjoint(map(id, gan.tricks.parameters()))


def test_two_players_that_circle_come_to_rest_by_it():
    def distance(*options):
        dirac = ["data=dirac", "model=wgan", "model.clip=9", "model.d_steps=1", "optimizer=sgd", "optimizer.g.lr=0.2"]
        gan = fit(tiny(*dirac, "optimizer.d.lr=0.2", *options, images=16 * 60))
        return torch.cat([gan.generator.theta, gan.discriminator.w]).norm().item()

    assert distance("trick=historical_averaging", "trick.historical_averaging.weight=0.1") < 0.2 * distance()
