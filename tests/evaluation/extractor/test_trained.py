import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import nn

from gan_lab.cli.compose import compose
from gan_lab.data.arrays import Arrays
from gan_lab.data.folder import ImageFolder
from gan_lab.data.module import Data
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import trained
from gan_lab.evaluation.extractor.classifier import VERSION, Recipe, network
from gan_lab.evaluation.extractor.trained import (
    Trained,
    command,
    find,
    images_of,
    place,
    read,
    read_facts,
    with_weights,
    write,
)
from gan_lab.evaluation.extractor.weights import sha256
from gan_lab.evaluation.metric.classifier import ClassifierScore

RECIPE = Recipe(epochs=1, batch_size=128, max_lr=5e-3, label_smoothing=0.1, flip=False, seed=0)
FACTS = {"data": "squares", "images": "none", "channels": 1, "image_size": 8, "num_classes": 3}
CHOICE = {"_target_": trained.TARGET, "weights": None, "accuracy": True}


def levels(n, channels=1, size=8):
    return torch.randint(0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(n)).to(torch.uint8)


def data(n=12, num_classes=3, labels=True, size=8):
    images = Arrays(levels(n, size=size), torch.arange(n) % 3 if labels else None)
    return Data(lambda: images, lambda: images, channels=1, image_size=size, num_classes=num_classes, batch_size=1, seed=0)


def model(seed=0, num_classes=3):
    """Random weights, the statistics of BatchNorm too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = network(1, 8, num_classes)
        made.train()(torch.randn(50, 1, 8, 8))
    return made.eval()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of extractors, empty."""
    monkeypatch.setenv("GAN_LAB_CACHE", str(tmp_path / "cache"))
    trained.folder().mkdir(parents=True)
    return trained.folder()


@pytest.fixture
def file(tmp_path):
    write(tmp_path / "squares.npz", model(), FACTS)
    return tmp_path / "squares.npz"


def add(path, images, seed=0, **facts):
    write(path, model(seed), FACTS | {"images": images} | facts)
    return path


# ----- what it computes ----------------------------------------------------------------------------------------------------


def test_features_and_logits_are_those_of_what_was_written(file):
    images = levels(5)
    features, logits = Trained(str(file))(images)
    expected = model()[0](images.float() / 127.5 - 1)
    assert (features.dtype, logits.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(logits.float(), model()[1](expected), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_features_do_not_depend_on_the_batch_size(file, size):
    extractor, images = Trained(str(file)), levels(100)
    found = torch.cat([extractor(part)[0] for part in images.split(size)])
    torch.testing.assert_close(found, extractor(images)[0], rtol=0, atol=1e-5)


def test_its_quantities_bear_the_data_and_the_hash_of_the_weights(file):
    extractor, found = Trained(str(file)), sha256(model().state_dict())
    name = f"squares_{found[:8]}"
    assert extractor.weights_sha256 == found
    assert (extractor.name, extractor.named("fd")) == (name, f"fd_{name}")
    assert set(ClassifierScore().quantities(extractor)) == {f"cs_{name}", f"classes_{name}", f"accuracy_{name}"}
    assert (extractor.num_classes, extractor.channels) == (3, 1)
    assert set(ClassifierScore().quantities(Trained(str(file), accuracy=False))) == {f"cs_{name}", f"classes_{name}"}


@pytest.mark.parametrize(("num_classes", "counted"), [(20, True), (21, False)])
def test_many_classes_are_not_counted(tmp_path, num_classes, counted):
    write(tmp_path / "many.npz", model(num_classes=num_classes), FACTS | {"num_classes": num_classes})
    assert Trained(str(tmp_path / "many.npz")).counts_classes == counted


def test_other_images_are_refused_with_both_shapes(file):
    with pytest.raises(
        InputError, match=r"squares_\w{8} was trained on images of 1x8x8 and .* such as these of 3x32x32: train"
    ):
        Trained(str(file))(levels(1, 3, 32))


def test_it_is_frozen_and_no_part_of_a_module_that_holds_it(file):
    owner = nn.Module()
    owner.extractor = Trained(str(file))
    owner.train().double()
    assert not owner.state_dict() and not list(owner.parameters())
    for part in (owner.extractor.features, owner.extractor.head):
        assert not any(module.training for module in part.modules())
        assert not any(weight.requires_grad for weight in part.parameters())


def test_autocast_changes_nothing(file):
    extractor, images = Trained(str(file)), levels(4)
    expected = extractor(images)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(extractor(images), expected, rtol=0, atol=0)


def test_making_it_leaves_the_global_random_state(file):
    torch.rand(1)
    before = torch.get_rng_state()
    Trained(str(file))
    assert torch.equal(torch.get_rng_state(), before)


# ----- files ---------------------------------------------------------------------------------------------------------------


def rewritten(path, **changes):
    """The same file with other arrays."""
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez(path, **content | changes)


def facts_with(path, **changes):
    return {trained.FACTS: np.str_(json.dumps(read_facts(path) | changes))}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-5000]),
        lambda path: path.write_bytes(b"no zip file"),
        lambda path: rewritten(path, **{"1.bias": np.ones(3, np.float32)}),
        lambda path: rewritten(path, **{"1.bias": np.ones(4, np.float32)}),
        lambda path: rewritten(path, more=np.ones(3)),
        lambda path: rewritten(path, **{"1.bias": np.array([{}], object)}),
        lambda path: np.savez(path, mu=np.ones(3), sigma=np.ones((3, 3))),
        lambda path: rewritten(path, **{trained.FACTS: np.str_("[1]")}),
    ],
    ids=["cut", "no_zip", "other_weights", "other_shape", "more", "pickle", "statistics", "no_facts"],
)
def test_a_damaged_file_is_refused(file, damage):
    damage(file)
    with pytest.raises(InputError, match=r"squares\.npz' is damaged or no extractor: remove it, then python -m gan_lab"):
        Trained(str(file))


def test_a_file_of_another_version_is_refused(file):
    rewritten(file, **facts_with(file, version=VERSION + 1))
    with pytest.raises(InputError, match=r"squares\.npz' was written by another version of gan_lab: train it anew"):
        Trained(str(file))


def test_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no extractor '.*nothing\.npz': put it there, give another .* or train one"):
        Trained(str(tmp_path / "nothing.npz"))
    with pytest.raises(
        InputError, match=r"extractor=trained needs a file where there are no data.*extractor\.trained\.weights=FILE"
    ):
        Trained(compose("evaluate", ["extractor=trained"]).extractor.trained.weights)


def test_a_write_that_fails_leaves_the_former_file(file, monkeypatch):
    def full(path, **arrays):
        path.write_bytes(b"a part")
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        write(file, model(1), FACTS)
    assert file.read_bytes() == before
    assert [*file.parent.glob("*.npz")] == [file]


def test_a_file_gives_back_what_was_written(file):
    facts, found = read(file)
    assert facts == FACTS | {"version": VERSION, "sha256": sha256(model().state_dict())}
    assert sha256(found.state_dict()) == facts["sha256"]


# ----- which file ----------------------------------------------------------------------------------------------------------


def test_images_are_known_whether_or_not_their_labels_are_asked_for():
    known = images_of(data())
    assert images_of(data(num_classes=None)) == images_of(data(num_classes=None, labels=False)) == known
    assert images_of(data(n=11)) != known


def test_images_of_a_folder_are_known_by_where_they_lie_and_their_dates(tmp_path):
    for number in range(4):
        (tmp_path / str(number % 2)).mkdir(exist_ok=True)
        Image.new("L", (8, 8), number).save(tmp_path / str(number % 2) / f"{number}.png")

    def known(num_classes=2, size=8):
        options = {"channels": 1, "image_size": size, "num_classes": num_classes, "batch_size": 1, "seed": 0}
        return images_of(ImageFolder(str(tmp_path), **options))

    before = known()
    assert known(num_classes=None) == before != known(size=4)
    Image.new("L", (8, 8)).save(tmp_path / "0" / "new.png")
    assert known() != before


def test_data_that_cannot_tell_their_images_are_refused(monkeypatch):
    monkeypatch.setattr(Data, "fingerprint", lambda self, split: None)
    with pytest.raises(InputError, match="Data cannot tell its images from others: give it a recipe and a stamp"):
        images_of(data())


def test_a_file_is_called_after_all_that_decides_the_weights(cache, monkeypatch):
    first = place(data(), "squares", RECIPE)
    assert re.fullmatch(r"squares-[0-9a-f]{16}\.npz", first.name)
    assert first.parent == cache
    others = [place(data(n=11), "squares", RECIPE), place(data(num_classes=4), "squares", RECIPE)]
    others += [place(data(), "squares", replace(RECIPE, **{key: 2})) for key in vars(RECIPE)]
    monkeypatch.setattr(trained, "VERSION", VERSION + 1)
    others.append(place(data(), "squares", RECIPE))
    assert len({first, *others}) == 1 + len(others)


def test_a_recipe_with_the_usual_features_keeps_the_name_that_it_had_before_there_were_others(cache, monkeypatch):
    digested = []
    monkeypatch.setattr(trained, "digest", lambda what: digested.append(what) or "0")
    place(data(), "squares", RECIPE)
    place(data(), "squares", replace(RECIPE, num_features=64))
    assert "num_features" not in digested[0] and digested[1]["num_features"] == 64


def test_a_file_states_its_number_of_features_by_its_weights(tmp_path):
    small = network(1, 8, 3, num_features=32).eval()
    write(tmp_path / "small.npz", small, FACTS)
    extractor = Trained(str(tmp_path / "small.npz"))
    assert extractor.num_features == extractor(levels(2))[0].shape[1] == 32


def test_the_only_file_for_the_images_is_found_past_damaged_and_other_ones(cache):
    add(cache / "other.npz", "circles")
    (cache / "damaged.npz").write_bytes(b"")
    right = add(cache / "right.npz", "squares")
    assert find("squares", "train") == right


def test_none_and_several_are_refused(cache):
    with pytest.raises(InputError, match="no extractor has been trained on these images: train one"):
        find("squares", "train one")
    for name in ("a", "b"):
        add(cache / f"{name}.npz", "squares")
    with pytest.raises(InputError, match=r"several extractors .*a\.npz, .*b\.npz\): choose; train one"):
        find("squares", "train one")


def test_a_choice_takes_the_file_for_the_data(cache):
    path, choices = add(cache / "right.npz", images_of(data())), OmegaConf.create({"trained": CHOICE})
    assert with_weights(choices, data(), []).trained.weights == str(path)
    assert choices.trained.weights is None
    assert Trained(with_weights(choices, data(num_classes=None), []).trained.weights).num_classes == 3


def test_a_given_file_stays_and_must_fit(cache, file):
    choices = OmegaConf.create({"trained": CHOICE | {"weights": str(file)}})
    assert with_weights(choices, data(), []) == choices
    with pytest.raises(InputError, match=r"images of 1x8x8 and judges no others, such as these of 1x16x16"):
        with_weights(choices, data(size=16), [])


@pytest.mark.parametrize("choices", [{}, {"pixels": {"_target_": "gan_lab.evaluation.extractor.pixels.Pixels"}}])
def test_other_extractors_stay_as_they_are(choices):
    assert with_weights(choices, data(), []) == choices
    assert with_weights(None, data(), []) == {}


def test_without_a_file_the_sentence_is_the_command_that_trains_it(cache):
    cfg, overrides = (
        compose("train", ["extractor=trained"]),
        ["data=squares", "extractor=trained", "data.image_size=8", "seed=1"],
    )
    said = r"run python -m gan_lab\.train_extractor data=squares data\.image_size=8, or give extractor\.trained\.weights=FILE"
    with pytest.raises(InputError, match=said):
        with_weights(cfg.extractor, data(), overrides)


@pytest.mark.parametrize(
    ("overrides", "options"),
    [
        (["data=blobs", "data/layout=grid", "model=gan", "+data.root=x y"], "data=blobs data/layout=grid '+data.root=x y'"),
        (["data=svhn", "data.num_classes=null", "data=cifar10", "metric=none"], "data=svhn"),
        (["experiment=acgan_cifar10", "data.flip=false"], "data=NAME data.flip=false"),
    ],
)
def test_the_command_has_the_options_of_the_data_alone(overrides, options):
    assert command(overrides) == f"python -m gan_lab.train_extractor {options}"


def test_a_copy_elsewhere_is_the_same_extractor(file, tmp_path):
    shutil.copy(file, tmp_path / "copy.npz")
    assert Trained(str(tmp_path / "copy.npz")).name == Trained(str(file)).name
