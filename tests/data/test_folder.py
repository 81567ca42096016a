import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.data.folder import ImageFolder, find_images, hold_out, read
from gan_lab.errors import InputError


def write(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or Image.new("RGB", (8, 8), "red")).save(path, **options)
    return path


def folder(root, **settings):
    defaults = {"channels": 3, "image_size": 8, "num_classes": None, "batch_size": 2, "seed": 0}
    return ImageFolder(str(root), **defaults | settings)


@pytest.fixture
def images(tmp_path):
    for index in range(20):
        write(tmp_path / f"{index}.png", Image.new("RGB", (8, 8), (index, 0, 0)))
    return tmp_path


@pytest.fixture
def classes(tmp_path):
    for name in ("cat", "dog"):
        for index in range(4):
            write(tmp_path / name / "deep" / f"{index}.png", Image.new("RGB", (8, 8), "red" if name == "cat" else "blue"))
    return tmp_path


# ----- which files -------------------------------------------------------------------------------------------------------


def test_listing_is_sorted_and_ignores_the_case_of_extensions(tmp_path):
    for name in ("b.PNG", "a/z.Jpeg", "a.png"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    write(tmp_path / "._a.png")
    write(tmp_path / ".thumbnails" / "a.png")
    assert [file.as_posix() for file in find_images(tmp_path)] == ["a/z.Jpeg", "a.png", "b.PNG"]


def test_links_that_leave_the_root_are_not_followed(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(outside / "secret.png")
    write(root / "own.png")
    (root / "file.png").symlink_to(outside / "secret.png")
    (root / "folder").symlink_to(outside, target_is_directory=True)
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "inside.png").symlink_to(root / "own.png")
    (root / "dangling.png").symlink_to(root / "gone.png")
    assert [file.name for file in find_images(root)] == ["inside.png", "own.png"]


def test_the_root_may_be_a_link(tmp_path):
    write(tmp_path / "real" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(find_images(tmp_path / "link")) == 1


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "images" / "a.png")
    write(tmp_path / "images" / "b.png")
    assert folder("~/images").num_train == 1


# ----- the two parts -----------------------------------------------------------------------------------------------------


def test_a_tenth_is_held_out_and_nothing_is_in_both(images):
    data = folder(images)
    train, held_out = set(data.train_set.files), set(data.held_out_set.files)
    assert len(held_out) == 2
    assert not train & held_out
    assert train | held_out == set(find_images(images))


def test_removing_an_image_moves_no_other_from_one_part_to_the_other(images):
    files = find_images(images)
    held_out = hold_out(files, 0.3)
    for gone in files:
        rest = [file for file in files if file != gone]
        assert len(hold_out(rest, 0.3) ^ (held_out - {gone})) <= 1


def test_another_folder_can_be_held_out(images, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write(other / "x.png")
    data = folder(images, held_out_root=str(other))
    data.setup()
    assert data.num_train == 20
    assert [file.name for file in data.held_out_set.files] == ["x.png"]


# ----- classes -----------------------------------------------------------------------------------------------------------


def test_first_level_folders_are_the_classes(classes):
    data = folder(classes, num_classes=2)
    data.setup()
    for part in (data.train_set, data.held_out_set):
        for image, label in part:
            assert image[:, 0, 0].tolist() == ([255, 0, 0], [0, 0, 255])[label]


def test_without_num_classes_there_are_no_labels(classes):
    data = folder(classes)
    assert next(iter(data.train_dataloader()))[1] is None


def test_labels_become_a_tensor(classes):
    _, y = next(iter(folder(classes, num_classes=2, batch_size=7).train_dataloader()))
    assert y.dtype == torch.int64
    assert y.unique().tolist() == [0, 1]


def test_one_image_outside_means_no_classes(classes):
    write(classes / "stray.png")
    with pytest.raises(InputError, match=r"^data.num_classes=2, but the data have no labels: use data.num_classes=null$"):
        folder(classes, num_classes=2).setup()


def test_wrong_number_of_classes_names_the_right_one(classes):
    sentence = "^data.num_classes=3, but the data have 2 classes: use data.num_classes=2, or null to leave the labels out$"
    with pytest.raises(InputError, match=sentence):
        folder(classes, num_classes=3).setup()


def test_the_held_out_folder_must_have_the_same_classes(classes, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write(other / "cat" / "x.png")
    write(other / "horse" / "x.png")
    with pytest.raises(InputError) as error:
        _ = folder(classes, num_classes=2, held_out_root=str(other)).held_out_set
    assert str(error.value) == (
        f"the class folders of '{other}' are not those of '{classes}': make them the same, or use data.num_classes=null"
    )
    assert folder(classes, held_out_root=str(other)).held_out_set[0][1] is None


# ----- odd images --------------------------------------------------------------------------------------------------------


def colour(path, channels=3):
    image = read(path, channels, 4)
    assert image.shape == (channels, 4, 4)
    assert image.dtype == torch.uint8
    return image[:, 2, 2].tolist()


def test_grey_and_colour(tmp_path):
    path = write(tmp_path / "grey.png", Image.new("L", (4, 4), 77))
    assert colour(path, 1) == [77]
    assert colour(path, 3) == [77, 77, 77]
    assert colour(write(tmp_path / "red.png", Image.new("RGB", (4, 4), "red")), 1) == [76]  # ITU-R 601: 0.299 * 255


def test_palette(tmp_path):
    path = write(tmp_path / "p.png", Image.new("RGB", (4, 4), (10, 200, 30)).quantize(8))
    assert colour(path) == [10, 200, 30]


@pytest.mark.parametrize("mode, value", [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))])
def test_what_is_transparent_shows_white(tmp_path, mode, value):
    assert colour(write(tmp_path / "a.png", Image.new(mode, (4, 4), value))) == [255, 255, 255]


def test_what_is_half_transparent_is_mixed(tmp_path):
    assert colour(write(tmp_path / "a.png", Image.new("RGBA", (4, 4), (255, 0, 0, 128)))) == [255, 127, 127]


def test_a_transparent_palette_entry_shows_white(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 9, 9, 9])
    assert colour(write(tmp_path / "p.png", image, transparency=1)) == [255, 255, 255]


def test_cmyk(tmp_path):
    path = write(tmp_path / "c.tif", Image.new("CMYK", (4, 4), (0, 255, 255, 0)))
    assert colour(path) == [255, 0, 0]


@pytest.mark.parametrize("value, level", [(0, 0), (128, 0), (129, 1), (32896, 128), (65535, 255)])
def test_16_bits_are_scaled_not_clipped(tmp_path, value, level):
    path = write(tmp_path / "16.png", Image.fromarray(np.full((4, 4), value, np.uint16)))
    assert colour(path, 1) == [level]
    assert colour(path, 3) == [level] * 3


def test_a_photo_is_turned_upright(tmp_path):
    image = Image.new("L", (4, 4))
    image.paste(255, (0, 0, 4, 2))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    upright = read(write(tmp_path / "photo.png", image, exif=exif), 1, 4)
    assert upright[0, 0].tolist() == [0] * 4
    assert upright[0, 3].tolist() == [255] * 4


@pytest.mark.parametrize("size", [(30, 10), (10, 30)])
def test_the_middle_of_the_long_side_is_kept(tmp_path, size):
    image = Image.new("RGB", size, "blue")
    image.paste("red", ((size[0] - 10) // 2, (size[1] - 10) // 2, (size[0] + 10) // 2, (size[1] + 10) // 2))
    assert torch.equal(
        read(write(tmp_path / "wide.png", image), 3, 10),
        read(write(tmp_path / "red.png", Image.new("RGB", (10, 10), "red")), 3, 10),
    )


def test_an_image_of_the_right_size_is_left_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    image = read(write(tmp_path / "noise.png", Image.fromarray(pixels)), 3, 16)
    assert np.array_equal(image.permute(1, 2, 0).numpy(), pixels)


def test_scaling_down_does_not_alias(tmp_path):
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    image = read(write(tmp_path / "stripes.png", Image.fromarray(stripes)), 1, 8)
    assert (image.float() - 127.5).abs().max() < 8


# ----- bad input ---------------------------------------------------------------------------------------------------------


def sentence(function, *args, **kwargs):
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_missing_folder(tmp_path):
    root = tmp_path / "gone"
    message = f"there is no folder '{root}': set data.root or data.held_out_root to a folder of images"
    assert sentence(folder(root).setup) == message


def test_empty_folder(tmp_path):
    assert sentence(folder(tmp_path).setup) == (
        f"the folder '{tmp_path}' holds no images (.jpg, .jpeg, .png, .webp, .bmp, .tif, .tiff, .ppm, .pgm); "
        "hidden files and links that leave it do not count"
    )


def test_a_single_image(tmp_path):
    write(tmp_path / "a.png")
    message = "'a.png' is the only image: there must be one to train on and one to hold out"
    assert sentence(folder(tmp_path).setup) == message


def test_an_empty_file_is_named_at_once(images):
    (images / "empty.png").touch()
    message = f"the image '{images / 'empty.png'}' is broken or of an unknown kind: replace or remove it"
    assert sentence(folder(images).setup) == message


@pytest.mark.parametrize("content", ["text", "truncated", "float"])
def test_a_broken_image_is_named(tmp_path, content):
    path = tmp_path / "bad.png"
    if content == "text":
        path.write_text("no image")
    elif content == "truncated":
        write(path, Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
        path.write_bytes(path.read_bytes()[:2000])
    else:
        path = write(tmp_path / "bad.tif", Image.new("F", (4, 4)))
    assert sentence(read, path, 3, 8) == f"the image '{path}' is broken or of an unknown kind: replace or remove it"


def test_a_broken_image_is_named_by_a_worker(images):
    (images / "bad.png").write_text("no image")
    data = folder(images, num_workers=1, batch_size=10)
    message = f"the image '{images / 'bad.png'}' is broken or of an unknown kind: replace or remove it"
    assert sentence(list, data.train_dataloader()) == message


def test_no_folder():
    message = "data=image_folder needs a folder of images: give data.root=FOLDER"
    with pytest.raises(InputError) as error:
        ImageFolder(None, channels=3, image_size=8, num_classes=None, batch_size=2, seed=0)
    assert str(error.value) == message


def test_impossible_channels(images):
    message = "data.channels=2 cannot be read from image files: use 1 (grey) or 3 (colour)"
    assert sentence(folder, images, channels=2) == message


@pytest.mark.parametrize("fraction", [0, 1.0, -0.1])
def test_impossible_held_out_fraction(images, fraction):
    message = f"data.held_out_fraction={fraction} must lie between 0 and 1: use 0.1"
    assert sentence(folder, images, held_out_fraction=fraction) == message
