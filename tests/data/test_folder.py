import zipfile

import pytest
import torch
from PIL import Image

from gan_lab.cli.compose import compose
from gan_lab.data.files import BrokenImage
from gan_lab.data.folder import ImageFolder, hold_out
from gan_lab.data.survey import other_files
from gan_lab.errors import InputError


def write(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)
    return path


def packed(root, path):
    """The folder as a zip file."""
    with zipfile.ZipFile(path, "w") as file:
        for image in sorted(root.rglob("*.png")):
            file.write(image, image.relative_to(root.parent))
    return path


def folder(root, **settings):
    defaults = {"channels": 3, "image_size": 8, "num_classes": None, "batch_size": 2, "seed": 0}
    return ImageFolder(str(root), **defaults | settings)


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    for index in range(20):
        write(root / f"{index}.png", (index, 0, 0))
    return root


@pytest.fixture
def classes(tmp_path):
    root = tmp_path / "classes"
    for name in ("cat", "dog"):
        for index in range(4):
            write(root / name / "deep" / f"{index}.png", "red" if name == "cat" else "blue")
    return root


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
    assert train | held_out == {f"{index}.png" for index in range(20)}


def test_removing_an_image_moves_no_other_from_one_part_to_the_other():
    files = [f"{index}.png" for index in range(20)]
    held_out = hold_out(files, 0.3)
    for gone in files:
        rest = [file for file in files if file != gone]
        assert len(hold_out(rest, 0.3) ^ (held_out - {gone})) <= 1


def test_another_folder_can_be_held_out(images, tmp_path):
    write(tmp_path / "other" / "x.png")
    data = folder(images, held_out_root=str(tmp_path / "other"))
    data.setup()
    assert data.num_train == 20
    assert data.held_out_set.files == ["x.png"]


def test_zip_files_are_read_as_folders_are(images, tmp_path):
    path = packed(images, tmp_path / "images.zip")
    loose, zipped = folder(images), folder(path)
    zipped.setup()
    assert zipped.train_set.files == loose.train_set.files
    assert all(torch.equal(zipped.train_set[i][0], loose.train_set[i][0]) for i in range(18))
    both = folder(path, held_out_root=str(path))
    assert len(both.held_out_set) == both.num_train == 20


# ----- classes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
def test_first_level_folders_are_the_classes(classes, tmp_path, zipped):
    data = folder(packed(classes, tmp_path / "classes.zip") if zipped else classes, num_classes=2)
    data.setup()
    assert data.train_set.classes == ["cat", "dog"]
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


def test_an_image_beside_the_class_folders_is_named(classes, tmp_path):
    write(classes / "stray.png")
    message = (
        f"'{classes / 'stray.png'}' lies beside the class folders of '{classes}': move it into one of them or remove it, or "
        "use data.num_classes=null, which reads all images without labels"
    )
    assert sentence(folder(classes, num_classes=2).setup) == message
    write(classes / "other.png")
    assert sentence(folder(classes, num_classes=2).setup).startswith(f"'{classes / 'other.png'}' and 1 more lies beside")
    packed(classes, tmp_path / "classes.zip")
    assert "stray.png" not in sentence(folder(tmp_path / "classes.zip", num_classes=2).setup)
    assert folder(classes).train_set[0][1] is None


def test_images_without_any_class_folder_have_no_labels(images):
    message = "data.num_classes=2, but the data have no labels: use data.num_classes=null"
    assert sentence(folder(images, num_classes=2).setup) == message


def test_class_folders_are_in_natural_order(tmp_path):
    for name in ("10", "9", "1", "class 10", "class 9", "b", "a"):
        write(tmp_path / name / "x.png")
    assert folder(tmp_path, num_classes=7).class_names == ["1", "9", "10", "a", "b", "class 9", "class 10"]


def test_what_is_no_image_does_not_make_a_class(classes):
    for name in (".ipynb_checkpoints/1.png", "__MACOSX/1.png", "Thumbs.db", ".DS_Store", "readme.txt"):
        (classes / name).parent.mkdir(exist_ok=True)
        (classes / name).write_bytes(b"")
    data = folder(classes, num_classes=2)
    data.setup()
    assert data.class_names == ["cat", "dog"]
    assert other_files(data) == [f"left out 1 file without an image (.txt), such as {classes / 'readme.txt'}"]


def test_wrong_number_of_classes_names_the_right_one(classes):
    sentence = "^data.num_classes=3, but the data have 2 classes: use data.num_classes=2, or null to drop the labels$"
    with pytest.raises(InputError, match=sentence):
        folder(classes, num_classes=3).setup()


def test_the_held_out_folder_must_have_the_same_classes(classes, tmp_path):
    other = tmp_path / "other"
    write(other / "cat" / "x.png")
    write(other / "horse" / "x.png")
    with pytest.raises(InputError) as error:
        _ = folder(classes, num_classes=2, held_out_root=str(other)).held_out_set
    assert str(error.value) == (
        f"the class folders of '{other}' differ from those of '{classes}': make them the same, or use data.num_classes=null"
    )
    assert folder(classes, held_out_root=str(other)).held_out_set[0][1] is None


# ----- broken images -----------------------------------------------------------------------------------------------------


def test_a_run_goes_on_over_broken_images_and_counts_them(images):
    (images / "bad.png").write_text("no image")
    data = folder(images, num_workers=1, batch_size=10)
    batches = iter(data.train_dataloader())
    assert all(len(next(batches)[0]) == 10 for _ in range(4))
    assert data.broken == [str(images / "bad.png")]


def test_a_strict_run_stops_at_a_broken_image(images):
    (images / "bad.png").write_text("no image")
    data = folder(images, num_workers=1, batch_size=10, strict=True)
    with pytest.raises(BrokenImage) as error:
        list(data.train_dataloader())
    assert str(error.value) == f"the image '{images / 'bad.png'}' is broken or in an unknown format: replace or remove it"


# ----- what a prepared array is made of ----------------------------------------------------------------------------------


def test_the_recipe_names_all_that_decides_the_bytes(images, tmp_path):
    options = {"held_out_root": str(tmp_path), "image_size": 4, "channels": 1, "crop": 6, "held_out_fraction": 0.2,
               "resize": "bilinear", "value_range": [0, 100]}  # fmt: skip
    plain = folder(images).recipe
    assert plain["name"] == "images"
    changed = [folder(images, **{key: value}).recipe for key, value in options.items()]
    changed += [folder(tmp_path / "else" / "images").recipe, folder(images, num_classes=2).recipe]
    assert all(recipe != plain for recipe in changed)
    assert not {"resize", "value_range"} & plain.keys()  # arrays from before there were these options stay valid
    assert folder(images, batch_size=4, flip=True, seed=3, strict=True).recipe == plain


def test_the_stamp_changes_with_either_source_and_needs_both(images, tmp_path):
    other = tmp_path / "other"
    data = folder(images, held_out_root=str(other))
    assert data.stamp is None
    write(other / "a.png")
    before = data.stamp
    assert before == folder(images, held_out_root=str(other)).stamp
    write(other / "new" / "a.png")
    assert data.stamp != before


# ----- bad input ---------------------------------------------------------------------------------------------------------


def sentence(function, *args, **kwargs):
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    return str(error.value)


def test_missing_folder(tmp_path):
    root = tmp_path / "gone"
    message = f"there is no folder or zip file '{root}': set data.root or data.held_out_root to one with images"
    assert sentence(folder(root).setup) == message


def test_a_single_image(tmp_path):
    write(tmp_path / "a.png")
    message = "'a.png' is the only image: add more, for there must be one to train on and one to hold out"
    assert sentence(folder(tmp_path).setup) == message


def test_no_folder():
    message = "data=image_folder needs a folder or zip file of images: give data.root=FOLDER"
    with pytest.raises(InputError) as error:
        ImageFolder(None, channels=3, image_size=8, num_classes=None, batch_size=2, seed=0)
    assert str(error.value) == message


def test_impossible_channels(images):
    message = "data.channels=2 is not possible for images: use 1 (grey), 3 (colour) or 4 (colour and alpha)"
    assert sentence(folder, images, channels=2) == message


@pytest.mark.parametrize("wrong", [[4, 0], [1], [1, 1]])
def test_impossible_range_of_values(images, wrong):
    message = f"data.value_range={wrong} is invalid: give [LOW,HIGH], the lower one first, or null"
    assert sentence(folder, images, value_range=wrong) == message


def test_impossible_filter(images):
    message = "data.resize=boxes does not exist (choices: lanczos, bilinear, box); did you mean 'box'?"
    assert sentence(folder, images, resize="boxes") == message


def test_images_that_are_not_square(images):
    data = folder(images, image_size=[4, 8], channels=4, flip=True)
    data.setup()
    batch, _ = next(iter(data.train_dataloader()))
    assert batch.shape == (2, 4, 4, 8)
    assert (data.image_size, data.shape) == ([4, 8], (4, 4, 8))
    assert folder(images, image_size=[8, 8]).image_size == 8


def test_impossible_crop(images):
    message = "data.crop=0 is invalid: give a side of at least 1 pixel, or null for the largest square"
    assert sentence(folder, images, crop=0) == message


@pytest.mark.parametrize("fraction", [0, 1.0, -0.1])
def test_impossible_held_out_fraction(images, fraction):
    message = f"data.held_out_fraction={fraction} must lie between 0 and 1: use 0.1"
    assert sentence(folder, images, held_out_fraction=fraction) == message


# ----- the configuration -------------------------------------------------------------------------------------------------


def test_broken_images_do_not_stop_a_run_unless_asked():
    for name in ("image_folder", "imagenet", "lsun"):
        assert compose("train", [f"data={name}"]).data.strict is False


def test_flips_are_on_only_where_the_literature_flips():
    flips = {name: compose("train", [f"data={name}"]).data.flip for name in ("ffhq", "image_folder", "imagenet", "lsun")}
    assert flips == {"ffhq": True, "image_folder": False, "imagenet": True, "lsun": False}
