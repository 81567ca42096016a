import pytest

from gan_lab.errors import InputError
from gan_lab.export.contract import contract_of
from gan_lab.training.build import build
from tests.tiny import tiny


def of(*overrides, truncation=None):
    cfg = tiny("penalty=none", *overrides)
    return contract_of(build(cfg).eval(), cfg, True, truncation)


def test_labels_have_numbers_and_names():
    contract = of("model=cgan", "+class_names=[cat,dog,cow]")
    assert (contract.num_classes, contract.class_names, contract.label_dim) == (3, ["cat", "dog", "cow"], None)
    assert (contract.shape, contract.value_range, contract.data_range) == ([1, 8, 8], [-1, 1], [0, 255])
    assert contract.latents == contract.plain()["latents"] == "independent standard normal numbers"


def test_points_have_no_range_and_a_sphere_is_named():
    contract = of("model=gan", "data=gaussians", "model/latent=sphere")
    assert (contract.distribution, contract.value_range, contract.data_range) == ("sphere", None, None)


def test_codes_are_told():
    contract = of("model=infogan", "model.categories=[3]", "model.continuous=2")
    assert contract.codes == [3, 1, 1]
    assert contract.latents.endswith("the last 5 are codes, of 3, 1, 1 numbers in turn")


def test_label_vectors_have_a_size():
    contract = of("model=ccgan", "data.num_classes=3")
    assert (contract.num_classes, contract.label_dim) == (None, 1)


def test_truncation_is_of_styles_where_the_model_has_it_so_and_refused_of_other_latents():
    assert of("model=stylegan2", truncation=0.5).truncates == "styles"
    assert of("model=gan", "network=stylegan2", truncation=0.5).truncates == "latents"
    with pytest.raises(InputError, match="needs normal latents"):
        of("model=gan", "model/latent=uniform", truncation=0.5)
