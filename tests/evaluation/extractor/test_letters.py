import pytest
import torch
from hydra.utils import instantiate
from torch.nn.functional import avg_pool2d

from gan_lab.cli.compose import compose
from gan_lab.data.letters import letters
from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.letters import SHA256, WEIGHTS, Letters
from gan_lab.evaluation.extractor.trained import read_facts
from gan_lab.evaluation.extractor.weights import committed
from gan_lab.evaluation.moments import Moments, frechet_distance


@pytest.fixture(scope="module")
def extractor():
    return Letters()


@pytest.fixture(scope="module")
def held_out():
    return letters("held_out", 300, 28, seed=2)


def accuracy(extractor, data):
    return float((extractor(data.images)[1].argmax(1) == data.labels).double().mean())


def test_it_knows_letters_of_fonts_that_it_has_not_seen(extractor, held_out):
    assert accuracy(extractor, held_out) >= 0.99


@pytest.mark.parametrize("size", [16, 32, 64])
def test_it_knows_letters_of_any_size(extractor, size):
    assert accuracy(extractor, letters("held_out", 100, size, seed=2)) >= 0.97


def test_no_feature_is_dead(extractor, held_out):
    features, _ = extractor(held_out.images)
    assert features.shape == (300, extractor.num_features) == (300, 64)
    assert torch.linalg.matrix_rank(torch.cov(features.double().T), hermitian=True) == 64


def test_noise_blur_and_missing_letters_are_farther_away(extractor, held_out):
    reals = to_unit(held_out.images)
    noise = torch.randn(reals.shape, generator=torch.Generator().manual_seed(0))
    changed = [
        reals,
        reals + 0.2 * noise,
        avg_pool2d(reals, 5, stride=1, padding=2),
        reals[held_out.labels < 8].repeat(4, 1, 1, 1),
    ]
    reference = Moments.of(extractor(letters("train", 300, 28, seed=1).images)[0])
    near, *far = (frechet_distance(Moments.of(extractor(to_uint8(images))[0]), reference) for images in changed)
    assert min(far) > 2 * near


def test_its_quantities_have_names_without_a_hash_and_know_the_labels(extractor):
    assert (extractor.named("fd"), extractor.num_classes, extractor.channels) == ("fd_letters", 26, 1)
    assert extractor.knows_labels and not extractor.counts_classes


def test_the_file_says_by_which_recipe_it_was_made():
    facts = read_facts(WEIGHTS)
    assert (facts["data"], facts["recipe"]["num_features"], facts["recipe"]["epochs"]) == ("letters", 64, 8)
    assert facts["accuracy"] >= 0.99


def test_other_images_are_refused(extractor):
    with pytest.raises(InputError, match="extractor=letters takes grey images, not samples of 3x28x28: choose another"):
        extractor(torch.zeros(2, 3, 28, 28, dtype=torch.uint8))


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "letters.npz").write_bytes(WEIGHTS.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"letters\.npz is missing or damaged: reinstall gan_lab, or choose metric=none"):
        committed(tmp_path / "letters.npz", SHA256)


def test_its_yaml_makes_it_and_letters_choose_it():
    cfg = compose("train", ["data=letters"])
    assert [*cfg.metric] == ["frechet", "classifier"]
    assert isinstance(instantiate(cfg.extractor).letters, Letters)
