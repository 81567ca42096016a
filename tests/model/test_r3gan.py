import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.model.projection import Projection
from gan_lab.schedules import value
from gan_lab.training.build import build
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny
from tests.toy import Watch

MLP = ["network=mlp", "network.generator.width=[8]", "network.discriminator.width=[8]"]
BURN_IN = 1000
#            at first, in the middle, at the end and after it
NUMBERS = {
    "lr": (2e-4, 1.25e-4, 5e-5),
    "beta2": (0.9, 0.945, 0.99),
    "r1": (0.05, 0.0275, 0.005),
    "r2": (0.05, 0.0275, 0.005),
    "half_life": (0, 2500, 5000),
}


def numbers_at(gan, images_seen):
    """What moves over the burn-in, as a step there would use it."""
    gan.images_seen = images_seen
    gan.begin_step()
    group = gan.all_optimizers[1].param_groups[0]
    assert group["betas"] == gan.all_optimizers[0].param_groups[0]["betas"]
    return {
        "lr": group["lr"],
        "beta2": group["betas"][1],
        "r1": value(gan.penalties["r1"].weight, images_seen),
        "r2": value(gan.penalties["r2"].weight, images_seen),
        "half_life": value(gan.ema_half_life_kimg, images_seen),
    }


@pytest.mark.parametrize(("images_seen", "place"), [(0, 0), (BURN_IN // 2, 1), (BURN_IN, 2), (5 * BURN_IN, 2)])
def test_five_numbers_move_along_half_a_cosine_over_the_burn_in(images_seen, place):
    gan = fit(tiny("model=r3gan", *MLP, f"model.burn_in_images={BURN_IN}", images=4))
    expected = {name: numbers[place] for name, numbers in NUMBERS.items()}
    assert numbers_at(gan, images_seen) == pytest.approx(expected)


def test_the_way_is_a_cosine():
    gan = fit(tiny("model=r3gan", *MLP, f"model.burn_in_images={BURN_IN}", images=4))
    quarter = (1 - 2**-0.5) / 2  # (1 - cos(pi / 4)) / 2
    expected = {name: first + quarter * (last - first) for name, (first, _, last) in NUMBERS.items()}
    assert numbers_at(gan, BURN_IN // 4) == pytest.approx(expected)


def test_every_step_of_both_optimizers_has_its_beta2():
    watch = Watch(lambda gan: [optimizer.param_groups[0]["betas"] for optimizer in gan.all_optimizers])
    fit(tiny("model=r3gan", *MLP, "model.burn_in_images=8", images=12), watch)
    assert watch.seen == [[(0, pytest.approx(beta2))] * 2 for beta2 in (0.9, 0.945, 0.99)]


def test_an_optimizer_without_betas_will_do():
    assert fit(tiny("model=r3gan", *MLP, "optimizer=rmsprop")).g_steps_done == 12


def test_at_first_the_average_is_a_copy():
    gan = fit(tiny("model=r3gan", *MLP, images=4))
    assert equal(gan.generator, gan.generator_ema)


def test_r1_and_r2_have_one_weight_which_the_user_may_set():
    cfg = tiny("model=r3gan", *MLP, "penalty.r1.weight.start=2", "penalty.r1.weight.end=0.2")
    gan = build(cfg)
    assert gan.penalties["r1"].weight(0) == gan.penalties["r2"].weight(0) == 2


@pytest.mark.parametrize("options", [[], ["penalty=none", "schedule=constant"], ["penalty=[r1,r2]"]], ids=str)
def test_penalty_and_schedule_are_the_users_to_replace(options):
    assert fit(tiny("model=r3gan", *MLP, *options, images=8)).images_seen == 8


def test_without_penalties_and_schedules_it_is_rsgan():
    plain = ["penalty=none", "schedule=constant", "optimizer=adam_wgan_gp", "network=mlp", "data.num_classes=null"]
    r3gan = fit(tiny("model=r3gan", *plain, "model.beta2=[0.9,0.9]"))
    rsgan = fit(tiny("model=rsgan", *plain))
    assert equal(r3gan.generator, rsgan.generator)
    assert equal(r3gan.discriminator, rsgan.discriminator)


def test_its_network_embeds_labels_by_itself_and_others_get_a_projection():
    own, other = (build(tiny("model=r3gan", *network)) for network in ([], MLP))
    assert not isinstance(own.discriminator, Projection)
    assert isinstance(other.discriminator, Projection)
    for gan in (own, other):
        assert gan.num_classes == 3
        assert gan.sample(range(4), classes=[2]).shape == (4, 1, 8, 8)


def test_labels_reach_both_players():
    gan = fit(tiny("model=r3gan", images=8))
    assert not torch.equal(gan.sample([0], classes=[2]), gan.sample([0], classes=[1]))
    x = torch.randn(1, 1, 8, 8)
    assert gan.logits(x, torch.tensor([2])) != gan.logits(x, torch.tensor([1]))


def test_data_without_labels_will_do():
    gan = fit(tiny("model=r3gan", "data.num_classes=null", images=8))
    assert gan.num_classes is None
    assert gan.sample(range(2)).shape == (2, 1, 8, 8)


def test_defaults_are_the_authors_cifar_10_preset():
    cfg = compose("train", ["model=r3gan", "data=cifar10"])
    assert cfg.model.burn_in_images == cfg.schedule.last_image == cfg.penalty.r2.weight.last_image == 20_000_000
    assert (cfg.optimizer.g.lr, cfg.optimizer.g.betas, cfg.model.d_steps) == (2e-4, [0.0, 0.9], 1)
    assert cfg.model.ema_ramp is None
