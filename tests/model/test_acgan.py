import pytest
import torch
from torch.nn.functional import cross_entropy

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.training.build import build
from tests.tiny import context, fit, tiny

MLP = ["network=mlp", "network.generator.width=[8]", "network.discriminator.width=[8]"]


def batch_of(*overrides):
    """A GAN in the middle of training, and a batch of D's next step."""
    gan = fit(tiny("model=acgan", *MLP, *overrides, images=8))
    real, y = torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2, 2, 1, 0])
    return gan, gan.discriminator_batch(real, y, context(gan))


def expected(gan, images, y):
    return cross_entropy(gan.discriminator.classes(gan.discriminator.discriminator.features(images)), y)


def test_d_learns_the_classes_of_reals_and_fakes():
    gan, batch = batch_of("model.d_class_weight=0.3")
    loss = expected(gan, batch.real, batch.y) + expected(gan, batch.fake, batch.y)
    torch.testing.assert_close(gan.discriminator_terms(batch), {"d_class_loss": 0.3 * loss})


def test_or_of_reals_alone():
    gan, batch = batch_of("model.classify_fakes=false")
    torch.testing.assert_close(gan.discriminator_terms(batch), {"d_class_loss": expected(gan, batch.real, batch.y)})


def test_g_makes_images_whose_class_can_be_told():
    gan, batch = batch_of("model.g_class_weight=0.1")
    torch.testing.assert_close(gan.generator_terms(batch), {"g_class_loss": 0.1 * expected(gan, batch.fake, batch.fake_y)})


def test_one_pass_through_d_serves_both_heads():
    gan, passes = build(tiny("model=acgan", *MLP, images=4)), []
    gan.discriminator.discriminator.hidden.register_forward_hook(lambda *_: passes.append(1))
    fit(tiny("model=acgan", *MLP, images=4), gan=gan)
    assert len(passes) == 3  # reals and fakes in D's step, fakes in G's


def test_with_weights_of_0_the_game_is_that_of_2014_with_a_labelled_g():
    gan = fit(tiny("model=acgan", *MLP, "model.d_class_weight=0", "model.g_class_weight=0"))
    start = build(tiny("model=acgan", *MLP))
    assert torch.equal(gan.discriminator.classes.weight, start.discriminator.classes.weight)
    assert not torch.equal(gan.generator.embedding.weight, start.generator.embedding.weight)


def test_the_classifier_starts_as_asked():
    torch_s, normal = (
        build(
            tiny("model=acgan", *MLP[:2], "network.discriminator.width=[999]", f"model.head_init={init}")
        ).discriminator.classes
        for init in ("null", "normal")
    )
    assert torch_s.weight.abs().max().item() == pytest.approx(999**-0.5, rel=0.01)
    assert normal.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not normal.bias.any()


def test_labels_choose_what_is_sampled():
    gan = fit(tiny("model=acgan"))
    assert gan.sample(range(4), classes=[2]).shape == (4, 1, 8, 8)
    assert not torch.equal(gan.sample([0], classes=[2]), gan.sample([0], classes=[1]))


def test_data_without_labels_are_refused():
    with pytest.raises(InputError, match=r"^model=acgan learns from labels"):
        build(tiny("model=acgan", "data.num_classes=null"))


def test_the_curves_know_the_equilibrium_of_the_contest():
    gan = build(tiny("model=acgan"))
    assert gan.equilibrium()["d_loss"] == pytest.approx(1.3862944)


def test_defaults_are_the_papers():
    cfg = compose("train", ["model=acgan"])
    assert (cfg.model.d_class_weight, cfg.model.g_class_weight, cfg.model.classify_fakes) == (1, 1, True)
    assert (cfg.optimizer.g.lr, cfg.optimizer.g.betas) == (2e-4, [0.5, 0.999])
