import gzip
import hashlib
import json
import pickle
import tarfile
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from PIL import Image, ImageOps
from scipy.io import savemat
from torchvision.datasets import CIFAR10, MNIST, STL10, SVHN

from gan_lab.cli.compose import CONF, compose
from gan_lab.errors import InputError

YAMLS = sorted(path.stem for path in (CONF / "data").glob("*.yaml") if "base/torchvision" in path.read_text())
FLIPPED = {"cifar10", "cifar100", "stl10"}  # digits, and Fashion-MNIST's shoes, have a left and a right
N_TRAIN, N_HELD_OUT = 20, 10


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def samples(n, *shape):
    """Grey levels (n, *shape) and labels 0 to 9."""
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8), np.arange(n) % 10


def write_mnist(root, cls, patch):
    raw = root / cls.__name__ / "raw"
    raw.mkdir(parents=True)
    for prefix, n in (("train", N_TRAIN), ("t10k", N_HELD_OUT)):
        images, labels = samples(n, 28, 28)
        sizes = b"".join(size.to_bytes(4, "big") for size in images.shape)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + images.tobytes())
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + sizes[:4] + labels.astype(np.uint8).tobytes())
    return samples(N_TRAIN, 1, 28, 28)


def write_cifar(root, cls, patch):
    folder, key = root / cls.base_folder, cls.meta["key"].replace("label_names", "labels")
    folder.mkdir(parents=True)
    for name, n in (("train_list", N_TRAIN), ("test_list", N_HELD_OUT)):
        files, (images, labels) = [file for file, _ in getattr(cls, name)], samples(n, 3 * 32 * 32)
        for file, rows in zip(files, np.array_split(np.arange(n), len(files)), strict=True):
            (folder / file).write_bytes(pickle.dumps({"data": images[rows], key: labels[rows].tolist()}, protocol=2))
        patch.setattr(cls, name, [[file, md5(folder / file)] for file in files])
    meta = folder / cls.meta["filename"]
    names = [f"kind {number}" for number in range(100 if "fine" in key else 10)]
    meta.write_bytes(pickle.dumps({cls.meta["key"]: names}, protocol=2))
    patch.setattr(cls, "meta", cls.meta | {"md5": md5(meta)})
    return samples(N_TRAIN, 3, 32, 32)


def write_svhn(root, cls, patch):
    root.mkdir(parents=True)
    splits = dict(cls.split_list)
    for split, n in (("train", N_TRAIN), ("test", N_HELD_OUT)):
        images, labels = samples(n, 3, 32, 32)
        path = root / f"{split}_32x32.mat"
        savemat(path, {"X": images.transpose(2, 3, 1, 0), "y": np.where(labels == 0, 10, labels)[:, None]})
        splits[split] = [splits[split][0], path.name, md5(path)]
    patch.setattr(cls, "split_list", splits)
    return samples(N_TRAIN, 3, 32, 32)


def write_stl10(root, cls, patch):
    folder = root / cls.base_folder
    folder.mkdir(parents=True)
    for split, n in (("train", 2), ("unlabeled", N_TRAIN), ("test", N_HELD_OUT)):
        images, labels = samples(n, 3, 96, 96)
        (folder / f"{split}_X.bin").write_bytes(images.transpose(0, 1, 3, 2).tobytes())  # column by column
        (folder / f"{split}_y.bin").write_bytes((labels + 1).astype(np.uint8).tobytes())
    (folder / "unlabeled_y.bin").unlink()
    for name in ("train_list", "test_list"):
        patch.setattr(cls, name, [[file, md5(folder / file)] for file, _ in getattr(cls, name)])
    return samples(N_TRAIN, 3, 96, 96)[0], None


WRITERS = {MNIST: write_mnist, CIFAR10: write_cifar, SVHN: write_svhn, STL10: write_stl10}


class Small:
    """A small copy of a data set in its own layout, and the data modules that read it."""

    def __init__(self, root, name, patch, **settings):
        self.root, self.name, self.settings = root / name, name, settings
        cls = self.module().dataset.func
        write = next(write for base, write in WRITERS.items() if issubclass(cls, base))
        self.images, self.labels = write(self.root, cls, patch)

    def module(self, **settings):
        small = {"root": self.root, "batch_size": 4, "download": False, "prepared": None}
        return instantiate(config(self.name).data, **small | self.settings | settings)

    def data(self, **settings):
        module = self.module(**settings)
        module.setup("fit")
        return module


@cache
def config(name):
    return compose("train", [f"data={name}"])


@pytest.fixture
def written(tmp_path, monkeypatch):
    return lambda name, **settings: Small(tmp_path, name, monkeypatch, **settings)


def fitted(pixels, image_size):
    """As an image folder makes one image (C, H, W)."""
    image = Image.fromarray(pixels.transpose(1, 2, 0).squeeze())
    return np.atleast_3d(ImageOps.fit(image, (image_size, image_size), Image.Resampling.LANCZOS)).transpose(2, 0, 1)


# ----- what is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", YAMLS)
def test_every_yaml_reads_its_files(name, written):
    data = (copy := written(name)).data()
    train, held_out = data.train_set, data.held_out_set
    assert train.images.shape == (N_TRAIN, data.channels, data.image_size, data.image_size)
    assert held_out.images.shape == (N_HELD_OUT, *train.images.shape[1:])
    assert train.images.dtype == held_out.images.dtype == torch.uint8
    assert train.images.is_contiguous()
    assert (train.labels is None) == (data.num_classes is None)
    assert train.labels is None or train.labels.tolist() == copy.labels.tolist()
    images, y = next(iter(data.train_dataloader()))
    assert len(images) == 4 and (y is None) == (train.labels is None)
    assert data.image_size == {"stl10": 48}.get(name, 32)
    assert data.num_classes == {"stl10": None, "cifar100": 100}.get(name, 10)


@pytest.mark.parametrize("name", YAMLS)
def test_flips_stand_where_the_literature_flips_and_downloads_where_they_are_small(name):
    cfg = config(name)
    assert cfg.data.flip == (name in FLIPPED)
    assert cfg.data.download == (name != "stl10")
    assert ("inception" in cfg.extractor) == ("mnist" not in name)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn"])
def test_images_of_their_own_size_are_the_files_bytes(name, written):
    copy = written(name)
    assert np.array_equal(copy.data().train_set.images, copy.images)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_digits_and_clothes_are_padded_with_black_to_32_and_left_alone_at_28(name, written):
    copy = written(name)
    padded = np.pad(copy.images, [(0, 0), (0, 0), (2, 2), (2, 2)])
    assert np.array_equal(copy.data().train_set.images, padded)
    assert np.array_equal(copy.data(image_size=28).train_set.images, copy.images)
    larger = copy.data(image_size=64).train_set.images
    assert np.array_equal(larger[3], fitted(padded[3], 64))


@pytest.mark.parametrize(("name", "image_size"), [("stl10", 48), ("cifar10", 64), ("svhn", 16)])
def test_other_sizes_are_scaled_as_those_of_an_image_folder(name, image_size, written):
    copy = written(name)
    images = copy.data(image_size=image_size).train_set.images
    assert all(np.array_equal(image, fitted(pixels, image_size)) for image, pixels in zip(images, copy.images, strict=True))


def test_colour_becomes_grey_and_grey_colour(written):
    colour, grey = written("cifar10"), written("mnist")
    luma = np.array(Image.fromarray(colour.images[5].transpose(1, 2, 0)).convert("L"))
    assert np.array_equal(colour.data(channels=1).train_set.images[5, 0], luma)
    three = grey.data(channels=3).train_set.images
    assert np.array_equal(three, grey.data().train_set.images.expand(-1, 3, -1, -1))
    with pytest.raises(
        InstantiationException, match=r"data\.channels=2 is not possible for images: use 1 \(grey\), 3 \(colour\) or 4"
    ):
        colour.data(channels=2)


def test_stl10_trains_on_the_unlabelled_images_and_says_so_where_labels_are_asked_for(written):
    copy = written("stl10")
    assert len(copy.data().train_set) == N_TRAIN
    with pytest.raises(InputError, match=r"data\.num_classes=10, but the data have no labels: use data\.num_classes=null"):
        copy.data(num_classes=10)


def test_another_data_set_of_torchvision_is_a_few_lines_of_yaml(written):
    copy = written("mnist", dataset={"_target_": "torchvision.datasets.KMNIST"})
    assert (copy.root / "KMNIST").is_dir()
    assert copy.data().train_set.labels.tolist() == copy.labels.tolist()


def test_a_prepared_array_depends_on_the_splits_and_the_form_of_the_images(written):
    copy = written("svhn")
    recipe = copy.module().recipe
    assert json.loads(json.dumps(recipe)) == recipe
    assert recipe["name"] == "SVHN"
    for setting in ({"channels": 1}, {"image_size": 16}, {"padding": 2}, {"held_out": {"split": "train"}}):
        assert copy.module(**setting).recipe != recipe
    assert copy.module(batch_size=2).recipe == recipe
    assert copy.module().stamp is None


# ----- what is missing or damaged ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", YAMLS)
def test_missing_files_are_one_sentence_with_the_place_the_source_and_the_switch(name, tmp_path):
    root = tmp_path / name
    cfg = config(name).data
    with pytest.raises(InputError) as error:
        instantiate(cfg, root=root, download=False, prepared=None).setup("fit")
    assert str(error.value) == (
        f"'{root}' lacks {', '.join(cfg.files)}; give data.download=true, or put them there from {cfg.url}"
    )
    assert not list(tmp_path.iterdir())


def test_of_some_files_only_the_missing_ones_are_named(written):
    copy = written("mnist")
    (copy.root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="lacks MNIST/raw/t10k-labels-idx1-ubyte; give"):
        copy.data()


@pytest.mark.parametrize(("name", "file"), [("cifar10", "cifar-10-batches-py/data_batch_2"), ("svhn", "train_32x32.mat")])
def test_files_with_another_hash_are_called_damaged(name, file, written):
    copy = written(name)
    (copy.root / file).write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"cannot be read \(.*corrupted.*\): if .* is damaged or incomplete, remove it and"):
        copy.data()


def test_a_file_that_was_cut_off_is_called_damaged_also_where_it_has_no_hash(written):
    copy = written("mnist")
    path = copy.root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1000])
    for download in (False, True):
        with pytest.raises(InputError, match=r"train-images-idx3-ubyte or .* is damaged or incomplete, remove it"):
            copy.data(download=download)


# ----- downloads ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(written, monkeypatch, tmp_path):
    """CIFAR-10 as an archive on a server of this machine, and nothing where it should be."""
    copy, archive = written("cifar10"), tmp_path / "served" / CIFAR10.filename
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(copy.root / CIFAR10.base_folder, CIFAR10.base_folder)
    copy.root.rename(tmp_path / "elsewhere")
    handler = partial(SimpleHTTPRequestHandler, directory=str(archive.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{server.server_port}/{archive.name}")
        monkeypatch.setattr(CIFAR10, "tgz_md5", md5(archive))
        yield copy
        server.shutdown()


def test_what_is_missing_is_fetched_with_progress_by_one_process_at_a_time(served, monkeypatch, capfd):
    def download(self):
        with pytest.raises(Timeout):
            FileLock(f"{served.root}.lock", timeout=0).acquire()
        calls.append(self.root)
        real(self)

    calls, real = [], CIFAR10.download
    monkeypatch.setattr(CIFAR10, "download", download)
    data = served.data(download=True)
    assert np.array_equal(data.train_set.images, served.images)
    assert len(data.held_out_set) == N_HELD_OUT
    assert calls == [served.root]
    assert "100%" in capfd.readouterr().err


def test_what_is_there_is_used_without_a_lock(written, monkeypatch):
    copy = written("cifar10")
    monkeypatch.setattr(CIFAR10, "download", None)
    copy.data(download=True)
    assert not list(copy.root.parent.glob("*.lock"))


def test_archives_that_were_fetched_by_hand_are_unpacked(written, monkeypatch):
    copy = written("mnist")
    raw, resources = copy.root / "MNIST" / "raw", []
    for path in sorted(raw.iterdir()):
        archive = path.with_name(f"{path.name}.gz")
        archive.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        resources.append((archive.name, md5(archive)))
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "mirrors", ["file:///nowhere/"])
    assert len(copy.data(download=True).train_set) == N_TRAIN


def test_the_reasons_of_all_mirrors_are_one_line(written, monkeypatch):
    copy = written("mnist")
    (copy.root / "MNIST" / "raw" / "train-labels-idx1-ubyte").unlink()
    monkeypatch.setattr(MNIST, "mirrors", ["file:///first/", "file:///second/"])
    with pytest.raises(
        InputError, match=r"lacks MNIST/raw/train-labels-idx1-ubyte; the download failed \(.*/first/.*/second/"
    ) as error:
        copy.data(download=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fault", ["gone", "changed"])
def test_a_failed_download_is_one_sentence_with_the_reason(fault, served, monkeypatch):
    if fault == "gone":
        monkeypatch.setattr(CIFAR10, "url", f"{CIFAR10.url}.old")
    else:
        monkeypatch.setattr(CIFAR10, "tgz_md5", "0" * 32)
    with pytest.raises(InputError) as error:
        served.data(download=True)
    reason = {"gone": "HTTP Error 404: File not found", "changed": "File not found or corrupted"}[fault]
    assert str(error.value).startswith(f"'{served.root}' lacks cifar-10-batches-py; the download failed (")
    assert reason in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).endswith(
        "): try again, or put them there from https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    )


def test_torchvisions_names_of_the_labels_are_kept(written):
    cifar10 = written("cifar10")
    assert cifar10.data().class_names == [f"kind {number}" for number in range(10)]
    assert cifar10.data(num_classes=None).class_names == []
    assert written("mnist").data().class_names[3] == "3 - three"
    assert written("svhn").data().class_names == []


def test_the_filter_changes_the_pixels_and_the_recipe(written):
    copy = written("cifar10")
    default, lanczos, box = (
        copy.data(image_size=16),
        copy.data(image_size=16, resize="lanczos"),
        copy.data(image_size=16, resize="box"),
    )
    assert torch.equal(default.train_set.images, lanczos.train_set.images)
    assert not torch.equal(box.train_set.images, lanczos.train_set.images)
    assert default.recipe == lanczos.recipe == {key: box.recipe[key] for key in box.recipe if key != "resize"}
    assert box.recipe["resize"] == "box"
    with pytest.raises(InstantiationException, match=r"data.resize=lancsoz does not exist .* did you mean 'lanczos'"):
        copy.data(resize="lancsoz")


def test_alpha_and_sizes_that_are_not_square(written):
    images = written("mnist").data(channels=4, image_size=[16, 24]).train_set.images
    assert images.shape[1:] == (4, 16, 24)
    assert (images[:, 3] == 255).all()
