import torch

from gan_lab.cli.compose import compose
from gan_lab.model.projection import Projection
from gan_lab.training.build import build
from tests.tiny import fit, tiny


def test_with_labels_d_projects_and_g_embeds_them_once():
    gan = fit(tiny("model=biggan", images=16))
    assert isinstance(gan.discriminator, Projection)
    assert gan.generator.embedding.num_embeddings == gan.num_classes == 3
    assert not torch.equal(gan.sample([0, 1], classes=[2]), gan.sample([0, 1], classes=[1]))


def test_without_labels_it_has_neither():
    gan = fit(tiny("model=biggan", "data.num_classes=null", images=16))
    assert not isinstance(gan.discriminator, Projection)
    assert gan.generator.embedding is None
    assert gan.sample(2).shape == (2, 1, 8, 8)


def test_defaults_are_those_of_the_paper():
    cfg = compose("train", ["model=biggan"])
    assert (cfg.optimizer.g.lr, cfg.optimizer.d.lr, cfg.model.d_steps) == (5e-5, 2e-4, 2)
    assert cfg.optimizer.g.betas == cfg.optimizer.d.betas == [0.0, 0.999]


def test_another_network_gets_the_label_in_its_latents():
    gan = build(tiny("model=biggan", "network=mlp"))
    assert gan.sample(range(4), classes=[0]).shape == (4, 1, 8, 8)


def test_deep_blocks_are_chosen_for_both_networks_at_once():
    gan = fit(
        tiny(
            "model=biggan",
            "network.generator.deep=true",
            "network.generator.width=8",
            "network.discriminator.width=8",
            images=16,
        )
    )
    assert gan.generator.latent_dim == 128
    assert type(gan.discriminator.discriminator.stages[0][0]).__name__ == "DeepDBlock"
