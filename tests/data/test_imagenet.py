from contextlib import contextmanager
from pathlib import Path

import pytest
import torchvision
from PIL import Image

from gan_lab.data import imagenet as module
from gan_lab.data.imagenet import ARCHIVES, ImageNet
from gan_lab.errors import InputError

WNIDS = ["n01440764", "n01443537", "n02119789"]


def write_split(root, split, n=2):
    for index, wnid in enumerate(WNIDS):
        (root / split / wnid).mkdir(parents=True)
        for number in range(n):
            name = f"{wnid}_{number}.JPEG" if split == "train" else f"ILSVRC2012_val_{index}{number}.JPEG"
            Image.new("RGB", (40, 30), (100 * index, 0, 0)).save(root / split / wnid / name, "JPEG", quality=100)


def imagenet(root, **settings):
    options = {"channels": 3, "image_size": 16, "num_classes": 3, "batch_size": 2, "seed": 0}
    return ImageNet(str(root), **options | settings)


def sentence(function, *args, **kwargs):
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.fixture
def tree(tmp_path):
    write_split(tmp_path, "train")
    write_split(tmp_path, "val", 1)
    return tmp_path


@pytest.fixture
def archives(tmp_path):
    for archive in ARCHIVES:
        (tmp_path / archive).write_bytes(b"tar")
    return tmp_path


def test_train_and_val_are_the_two_parts_and_labels_follow_the_wnids(tree):
    data = imagenet(tree)
    data.setup()
    assert (len(data.train_set), len(data.held_out_set)) == (6, 3)
    assert data.train_set.classes == WNIDS
    for part in (data.train_set, data.held_out_set):
        for image, label in part:
            assert image.shape == (3, 16, 16)
            assert abs(int(image[0, 8, 8]) - 100 * label) <= 4


def test_labels_can_be_left_out(tree):
    assert imagenet(tree, num_classes=None).train_set[0][1] is None


def test_another_number_of_classes_is_named(tree):
    message = "data.num_classes=1000, but the data have 3 classes: use data.num_classes=3, or null to drop the labels"
    assert sentence(imagenet(tree, num_classes=1000).setup) == message


def test_what_is_missing_is_one_sentence(tmp_path):
    message = (
        f"ImageNet was not found in '{tmp_path}': put the folders train and val, or ILSVRC2012_img_train.tar, "
        "ILSVRC2012_img_val.tar, ILSVRC2012_devkit_t12.tar.gz from "
        "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php there"
    )
    assert sentence(imagenet(tmp_path).setup) == message
    (tmp_path / "train").mkdir()
    (tmp_path / ARCHIVES[0]).touch()
    assert sentence(imagenet(tmp_path).setup) == message


def test_archives_are_unpacked_once_and_beside(archives, monkeypatch):
    calls = []

    def reader(root, split):
        calls.append(split)
        assert all((Path(root) / archive).read_bytes() == b"tar" for archive in ARCHIVES)
        assert not (archives / split).exists()
        write_split(Path(root), split)

    monkeypatch.setattr(torchvision.datasets, "ImageNet", reader)
    for _ in range(2):
        data = imagenet(archives)
        data.setup()
        assert len(data.held_out_set) == 6
    assert calls == ["train", "val"]
    assert not (archives / "unpacking").exists()
    assert all((archives / archive).is_file() for archive in ARCHIVES)


def test_unpacking_that_stopped_half_way_is_begun_anew(archives, monkeypatch):
    def stops(root, split):
        write_split(Path(root), "train", 1)
        raise KeyboardInterrupt

    monkeypatch.setattr(torchvision.datasets, "ImageNet", stops)
    with pytest.raises(KeyboardInterrupt):
        imagenet(archives).setup()
    assert not (archives / "train").exists()
    monkeypatch.setattr(torchvision.datasets, "ImageNet", lambda root, split: write_split(Path(root), split))
    assert imagenet(archives).num_train == 6


def test_only_what_is_missing_is_unpacked(archives, monkeypatch):
    write_split(archives, "train")
    monkeypatch.setattr(torchvision.datasets, "ImageNet", lambda root, split: write_split(Path(root), split, 1))
    data = imagenet(archives)
    assert (len(data.train_set), len(data.held_out_set)) == (6, 3)


def test_what_another_process_unpacked_meanwhile_is_taken(archives, monkeypatch):
    @contextmanager
    def waits(path):
        write_split(archives, "train")
        write_split(archives, "val")
        yield

    monkeypatch.setattr(module, "FileLock", waits)
    assert imagenet(archives).num_train == 6  # these archives could not be unpacked


def test_a_damaged_archive_is_one_sentence(archives):
    message = sentence(imagenet(archives).setup)  # torchvision's own check of the hash
    assert message.startswith(
        f"ImageNet's archives in '{archives}' could not be unpacked (The archive ILSVRC2012_devkit_t12.tar.gz "
    )
    assert message.endswith("): fix that, or download them from https://image-net.org/challenges/LSVRC/2012/2012-downloads.php")
    assert "\n" not in message


def test_the_recipe_is_the_same_wherever_the_images_lie(tmp_path):
    recipe = imagenet(tmp_path).recipe
    assert recipe == imagenet(tmp_path / "else").recipe
    assert recipe["name"] == "imagenet"
    assert recipe != imagenet(tmp_path, image_size=8).recipe


def test_the_stamp_changes_with_the_images(tree):
    before = imagenet(tree).stamp
    (tree / "val" / WNIDS[0] / "new.JPEG").touch()
    assert before
    assert imagenet(tree).stamp != before
    assert imagenet(tree / "gone").stamp is None
