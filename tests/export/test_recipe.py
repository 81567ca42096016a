from dataclasses import replace

import pytest
from torch import nn

from gan_lab.errors import InputError
from gan_lab.export.recipe import build, classes, named, recipe_of
from gan_lab.model.ccgan import LabelEmbedding
from gan_lab.model.conditional import LabelledGenerator
from gan_lab.network import mlp
from tests.export.trained import gan_of


def test_wrappers_of_the_models_are_made_around_the_network():
    _, artifact = gan_of("model=ccgan", "network=mlp")
    recipe = recipe_of(artifact)
    assert list(classes(recipe)) == [LabelledGenerator, mlp.Generator, LabelEmbedding]
    build(recipe).load_state_dict(artifact.generator.state_dict())
    assert (
        named(recipe, {LabelledGenerator: "A", mlp.Generator: "B", LabelEmbedding: "C"})["arguments"]["generator"]["class"]
        == "B"
    )


def test_a_wrapper_of_a_model_s_own_is_refused():
    _, artifact = gan_of("model=gan", "network=mlp")
    with pytest.raises(InputError, match=r"has made its generator a Sequential, .* use format=torch_export"):
        recipe_of(replace(artifact, generator=nn.Sequential(artifact.generator)))


def test_a_network_that_something_has_changed_is_refused():
    _, artifact = gan_of("model=gan", "network=mlp")
    artifact.generator.extra = nn.Linear(1, 1)
    with pytest.raises(InputError, match="does not make the weights of its generator"):
        recipe_of(artifact)
