import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.data.arrays import Arrays
from gan_lab.data.folder import ImageFolder
from gan_lab.data.module import Data
from gan_lab.data.sampler import shuffled
from gan_lab.errors import InputError
from gan_lab.evaluation.source import Files, Generated, Reals, digest, is_statistics, look, must_fit, quantised, stamp_of
from gan_lab.rng import make_generator
from gan_lab.training.build import build
from tests.tiny import tiny


def read(source, indices=None, size=7):
    """All images, and all labels or None."""
    images, labels = zip(*source.batches(range(len(source)) if indices is None else indices, size), strict=True)
    return torch.cat(images), None if labels[0] is None else torch.cat(labels)


# ----- generated ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gan():
    return build(tiny("model=dcgan")).eval()


@pytest.fixture(scope="module")
def conditional():
    return build(tiny("model=cgan", "network=mlp", "network.generator.width=[8]", "network.discriminator.width=[8]")).eval()


@pytest.mark.parametrize("size", [1, 5, 23])
def test_the_size_of_a_batch_moves_an_image_by_a_level_at_most(gan, size):
    expected, images = read(Generated(gan, 23, seed=3), size=23)[0], read(Generated(gan, 23, seed=3), size=size)[0]
    assert images.dtype == torch.uint8
    assert images.shape == (23, 1, 8, 8)
    assert (images.int() - expected.int()).abs().max() <= 1


def test_a_latent_is_a_function_of_seed_and_number(gan, monkeypatch):
    seen = []
    monkeypatch.setattr(gan, "generate", lambda z, y, ema: seen.append(z) or torch.zeros(len(z), 1, 8, 8))
    for indices, size in ((range(20), 20), (range(20), 3), (range(1, 20, 2), 4)):
        read(Generated(gan, 20, seed=3), indices, size)
    whole, parts, second_process = seen[0], torch.cat(seen[1:8]), torch.cat(seen[8:])
    assert torch.equal(whole, parts)
    assert torch.equal(whole[1::2], second_process)


def test_another_seed_makes_others_and_the_global_random_state_stays(gan):
    torch.rand(1)
    state = torch.get_rng_state()
    assert not torch.equal(read(Generated(gan, 9, seed=0))[0], read(Generated(gan, 9, seed=1))[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_average_or_g_itself(gan):
    with torch.no_grad():
        next(gan.generator.parameters()).add_(0.5)
    images = [read(Generated(gan, 9, seed=0, ema=ema))[0] for ema in (True, False)]
    assert not torch.equal(*images)


def test_classes_come_in_turn(gan, conditional):
    assert read(Generated(conditional, 7, seed=0), size=2)[1].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert read(Generated(conditional, 7, seed=0), [2, 5, 6])[1].tolist() == [2, 2, 0]
    assert read(Generated(gan, 7, seed=0))[1] is None


# ----- reals ----------------------------------------------------------------------------------------------------------


def data(seed=0, **options):
    """Images of which number i is grey of level i, held-out ones from 100 on; labels are levels modulo 3."""

    def arrays(first, n):
        levels = torch.arange(first, first + n, dtype=torch.uint8)
        return lambda: Arrays(levels.view(-1, 1, 1, 1).repeat(1, 1, 4, 4), (levels % 3).long())

    shape = {"channels": 1, "image_size": 4, "num_classes": 3, "batch_size": 5, "seed": seed}
    return Data(arrays(0, 60), arrays(100, 20), **shape | options)


def test_reals_are_neither_flipped_nor_dequantised_and_keep_their_order():
    images, labels = read(Reals(data(flip=True, dequantize=True), "train"))
    assert images.dtype == torch.uint8
    assert images[:, 0, 0, 0].tolist() == list(range(60))
    assert labels.tolist() == [level % 3 for level in range(60)]
    assert read(Reals(data(), "held_out"), [3, 1])[0][:, 0, 0, 0].tolist() == [103, 101]


def test_a_number_of_them_is_the_same_in_every_run():
    some = [read(Reals(data(seed), "train", 10))[0][:, 0, 0, 0].tolist() for seed in (0, 1)]
    assert some[0] == some[1] == sorted(shuffled(60)[:10])
    assert len(Reals(data(), "train", 1000)) == 60


def test_the_fingerprint_changes_with_all_that_changes_the_images():
    prints = [
        Reals(data(), "train").fingerprint,
        Reals(data(), "held_out").fingerprint,
        Reals(data(), "train", 10).fingerprint,
        Reals(data(num_classes=None), "train").fingerprint,
    ]
    changed = data()
    changed.train_set.images[7, 0, 0, 0] += 1
    prints.append(Reals(changed, "train").fingerprint)
    assert len({digest(found) for found in prints}) == len(prints)
    assert Reals(data(seed=5, batch_size=7), "train").fingerprint == prints[0]


def test_a_look_shows_images_in_the_range_of_pictures():
    shown = look(Reals(data(), "train"), [51, 0])
    assert shown[:, 0, 0, 0].tolist() == [pytest.approx(51 / 127.5 - 1), -1]


# ----- files ----------------------------------------------------------------------------------------------------------


def levels(n, channels=3, size=4):
    return torch.arange(n * channels, dtype=torch.uint8).view(n, channels, 1, 1).repeat(1, 1, size, size)


def save(folder, images, suffix="png"):
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        array = image.permute(1, 2, 0).numpy()
        Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(folder / f"{number:03d}.{suffix}")
    return folder


def zipped(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as file:
        for image in folder.iterdir():
            file.write(image, image.name)
    return path


def npz(path, images, name="images"):
    np.savez(path, **{name: images.permute(0, 2, 3, 1).numpy()})
    return path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["folder", "zip", "npz", "npz_of_another_name"])
def test_images_made_elsewhere_come_as_they_are_in_order(tmp_path, kind, channels):
    images = levels(10, channels)
    if kind.startswith("npz"):
        path = npz(tmp_path / "a.npz", images, "images" if kind == "npz" else "arr_0")
    else:
        path = save(tmp_path / "a", images)
        path = zipped(path) if kind == "zip" else path
    files = Files(path)
    assert (len(files), files.shape, files.lossy) == (10, (channels, 4, 4), False)
    assert torch.equal(read(files, size=3)[0], images)
    assert torch.equal(read(files, [7, 2])[0], images[[7, 2]])
    assert read(files)[1] is files.fingerprint is None


def test_an_image_stands_upright_in_an_npz_as_in_a_png(tmp_path):
    images = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).view(2, 3, 4, 5)
    kinds = Files(npz(tmp_path / "a.npz", images)), Files(save(tmp_path / "a", images))
    assert all(torch.equal(read(files)[0], images) for files in kinds)


@pytest.mark.parametrize("suffix", ["jpg", "JPEG"])
def test_jpeg_is_noted(tmp_path, suffix):
    assert Files(save(tmp_path / "a", levels(2), suffix)).lossy


def every_kind(folder):
    """Files of all modes, the same twice: grey first."""
    folder.mkdir()
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 4), dtype=np.uint8))
    colour = Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 4, 3), dtype=np.uint8))
    alpha = colour.convert("RGBA")
    alpha.putalpha(grey)
    deep = Image.fromarray(np.random.default_rng(2).integers(0, 65536, (6, 4), dtype=np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    kinds = {"0_L": grey, "1_16": deep, "2_LA": grey.convert("LA"), "3_RGB": colour, "4_RGBA": alpha, "5_P": colour.quantize(8)}
    for name, image in kinds.items():
        image.save(folder / f"{name}.png", exif=exif if name == "3_RGB" else None)
        image.save(folder / f"{name}_.png")
    return folder


@pytest.mark.parametrize("channels", [3, 4])
def test_files_are_read_as_training_reads_them(tmp_path, channels):
    """Transparency, 16 bits, orientation, grey among colours: one decoder."""
    folder = every_kind(tmp_path / "a")
    options = {"channels": channels, "image_size": [6, 4], "num_classes": None, "batch_size": 2, "seed": 0}
    trained = ImageFolder(str(folder), held_out_root=str(folder), **options)
    trained.setup()
    files = Files(folder, channels)
    assert files.shape == (channels, 6, 4)
    assert torch.equal(read(files)[0], read(Reals(trained, "train"))[0])


def test_files_with_colours_behind_grey_ones_are_all_colour(tmp_path):
    assert Files(every_kind(tmp_path / "a")).shape == (3, 6, 4)
    for path in tmp_path.glob("a/[3-5]*"):
        path.unlink()
    assert Files(tmp_path / "a").shape == (1, 6, 4)
    assert Files(tmp_path / "a", channels=3).shape == (3, 6, 4)


def test_transparency_is_put_on_white(tmp_path):
    """The same pictures with and without alpha are the same pictures."""
    opaque, clear = Image.new("RGB", (4, 4), (9, 8, 7)), Image.new("RGBA", (4, 4), (9, 8, 7, 255))
    for name, image in (("a", opaque), ("b", clear)):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "1.png")
        Image.new(image.mode, (4, 4), "white" if name == "a" else (0, 0, 0, 0)).save(tmp_path / name / "2.png")
    assert torch.equal(read(Files(tmp_path / "a"))[0], read(Files(tmp_path / "b"))[0])


def test_mixed_sizes(tmp_path):
    folder = save(tmp_path / "a", levels(3))
    Image.new("RGB", (5, 4)).save(folder / "002.png")
    with pytest.raises(InputError, match=r"mixes images of 3x4x4 and of 3x4x5 \('002.png'\): give resize=SIZE"):
        read(Files(folder))


def test_sets_of_two_sizes(tmp_path):
    a, b = Files(save(tmp_path / "a", levels(2))), Files(save(tmp_path / "b", levels(2, size=5)))
    must_fit(a.shape, a.shape, a.path)
    with pytest.raises(
        InputError, match=r"b' is of images of 3x5x5, and 3x4x4 are to be judged: compare images of one size \(resize=4\)"
    ):
        must_fit(a.shape, b.shape, b.path)


@pytest.mark.parametrize("damage", ["cut", "text"])
def test_a_broken_image_is_named(tmp_path, damage):
    folder = save(tmp_path / "a", levels(3))
    path = folder / "001.png"
    path.write_bytes(path.read_bytes()[:50] if damage == "cut" else b"no image")
    with pytest.raises(InputError, match=r"a/001.png' is broken or in an unknown format: replace or remove it"):
        read(Files(folder, strict=True))
    files = Files(folder)
    assert torch.equal(read(files)[0], levels(3)[[0, 2, 2]])
    assert files.broken == [str(path)]


@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_images_are_scaled_and_cropped_as_training_does(tmp_path, kind):
    images = torch.randint(256, (2, 3, 6, 8), dtype=torch.uint8, generator=make_generator(0))
    files = Files(save(tmp_path / "a", images) if kind == "folder" else npz(tmp_path / "a.npz", images), size=[4, 4])
    options = {"channels": 3, "image_size": 4, "num_classes": None, "batch_size": 2, "seed": 0}
    trained = ImageFolder(str(save(tmp_path / "b", images)), held_out_root=str(tmp_path / "b"), **options)
    trained.setup()
    assert files.shape == (3, 4, 4)
    assert torch.equal(read(files)[0], read(Reals(trained, "train"))[0])


def test_a_stamp_changes_with_each_file_of_a_folder(tmp_path):
    folder = save(tmp_path / "a", levels(3))
    stamps = [stamp_of(folder), stamp_of(folder)]
    (folder / "001.png").write_bytes((folder / "001.png").read_bytes() + b" ")
    stamps.append(stamp_of(folder))
    (folder / "002.png").unlink()
    assert len({*stamps, stamp_of(folder)}) == 3
    assert stamp_of(folder / "001.png") == stamp_of(folder / "001.png") != stamp_of(folder / "000.png")


def test_a_damaged_zip_file_names_the_image(tmp_path):
    path = zipped(save(tmp_path / "a", levels(1, size=40)))
    content = bytearray(path.read_bytes())
    content[70] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a.zip/000.png' is broken"):
        Files(path, strict=True)


def test_an_empty_folder_and_one_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        Files(tmp_path)
    with pytest.raises(InputError, match=r"there is no folder or file '.*nowhere': give one that holds images"):
        Files(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((2, 4, 4, 3)), r"holds float64 \(2, 4, 4, 3\): images must be uint8 \(N, H, W, 1, 3 or 4\)"),
        (np.zeros((2, 3, 5, 5), np.uint8), r"holds uint8 \(2, 3, 5, 5\): images must be"),
        (np.zeros((2, 4, 4), np.uint8), r"holds uint8 \(2, 4, 4\): images must be"),
        (np.zeros((0, 4, 4, 3), np.uint8), "holds no images: give one that does"),
        (np.array([{}]), "is broken or no .npz of arrays"),
    ],
    ids=["floats", "channels_first", "no_channels", "none", "objects"],
)
def test_an_npz_of_something_else(tmp_path, array, sentence):
    np.savez(tmp_path / "a.npz", images=array)
    with pytest.raises(InputError, match=sentence):
        Files(tmp_path / "a.npz")


@pytest.mark.parametrize("reader", [Files, is_statistics])
@pytest.mark.parametrize("damage", ["cut", "empty", "npy"])
def test_a_broken_npz(tmp_path, damage, reader):
    path = npz(tmp_path / "a.npz", levels(9))
    content = path.read_bytes()
    if damage == "npy":
        np.save(tmp_path / "b.npy", np.zeros(3))
        content = (tmp_path / "b.npy").read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "npy": content}[damage])
    with pytest.raises(InputError, match=r"a.npz' is broken or no .npz of arrays"):
        reader(path)


def test_what_holds_statistics(tmp_path):
    np.savez(tmp_path / "stats.npz", mu=np.zeros(2), sigma=np.zeros((2, 2)), other=1)
    assert is_statistics(tmp_path / "stats.npz")
    assert not is_statistics(npz(tmp_path / "a.npz", levels(2)))
    assert not is_statistics(tmp_path)
    assert not is_statistics(tmp_path / "nowhere.npz")


# ----- small things ---------------------------------------------------------------------------------------------------


def test_images_are_quantised_as_files_hold_them_and_points_are_not():
    images = torch.tensor([-1.01, -1, 0, 1, 1.01]).view(5, 1, 1, 1)
    assert quantised(images.expand(5, 1, 2, 2))[:, 0, 0, 0].tolist() == [0, 0, 128, 255, 255]
    assert torch.equal(quantised(images), images)


def test_a_digest_knows_the_content_and_not_its_order():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
    assert len(digest({})) == 16
