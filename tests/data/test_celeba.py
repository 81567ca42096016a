import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torchvision
from PIL import Image

from gan_lab.cli.compose import compose
from gan_lab.data import celeba as module
from gan_lab.data.celeba import CelebA
from gan_lab.errors import InputError

NAMES = [
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald"),
    *("Bangs", "Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair"),
    *("Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin"),
    *("Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones"),
    *("Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard"),
    *("Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks"),
    *("Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings"),
    *("Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young"),
]
FILES = [f"{index:06}.jpg" for index in range(1, 13)]
SPLIT = {file: "000000001122"[index] for index, file in enumerate(FILES)}  # 8 to train on, 2 to validate, 2 to test


def has(file, name):
    """Smiling in every second image, Male in every third."""
    return int(file[:6]) % {"Smiling": 2, "Male": 3}.get(name, 5) == 0


def write_images(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(FILES):
        Image.new("RGB", (178, 218), (20 * index, 0, 0)).save(folder / file, quality=100)
    return folder


def write_zip(path):
    folder = write_images(path.parent / "loose" / "img_align_celeba")
    with zipfile.ZipFile(path, "w") as file:
        for name in FILES:
            file.write(folder / name, f"img_align_celeba/{name}")
    shutil.rmtree(path.parent / "loose")
    return path


def write_lists(folder):
    """As the authors write them: how many, the names, then a row of -1 and 1 in columns for each image."""
    rows = [f"{file} " + " ".join(f"{1 if has(file, name) else -1:2d}" for name in NAMES) for file in FILES]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(FILES)), " ".join(NAMES) + " ", *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("".join(f"{file} {number}\n" for file, number in SPLIT.items()))


def write_csv(folder):
    """As Kaggle writes them."""
    rows = [",".join([file, *("1" if has(file, name) else "-1" for name in NAMES)]) for file in FILES]
    (folder / "list_attr_celeba.csv").write_text("\n".join([",".join(["image_id", *NAMES]), *rows]) + "\n")
    rows = [f"{file},{number}" for file, number in SPLIT.items()]
    (folder / "list_eval_partition.csv").write_text("\n".join(["image_id,partition", *rows]) + "\n")


def plain(root):
    write_images(root)
    write_lists(root)
    return root


def plain_beside(root):
    write_images(root / "faces")
    write_lists(root)
    return root / "faces"


def zipped(root):
    write_lists(root)
    return write_zip(root / "faces.zip")


def authors(root):
    write_zip(root / "img_align_celeba.zip")
    write_lists(root)
    return root


def torchvisions(root):
    write_images(root / "celeba" / "img_align_celeba")
    write_lists(root / "celeba")
    return root


def torchvisions_zip(root):
    (root / "celeba").mkdir()
    write_zip(root / "celeba" / "img_align_celeba.zip")
    write_lists(root / "celeba")
    return root


def kaggles(root):
    write_images(root / "img_align_celeba" / "img_align_celeba")
    write_csv(root)
    return root


LAYOUTS = [plain, plain_beside, zipped, authors, torchvisions, torchvisions_zip, kaggles]


def celeba(root, **settings):
    options = {"channels": 3, "image_size": 16, "crop": 178, "num_classes": None, "batch_size": 2, "seed": 0}
    return CelebA(str(root), **options | settings)


def sentence(function, *args, **kwargs):
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_with_the_authors_split(tmp_path, layout):
    data = celeba(layout(tmp_path), attributes=["Smiling", "Male"], num_classes=4)
    data.setup()
    split = {"train": data.train_set, "held_out": data.held_out_set}
    assert [Path(file).name for file in split["train"].files] == FILES[:8]
    assert [Path(file).name for file in split["held_out"].files] == FILES[10:]
    for part in split.values():
        for index, (image, label) in enumerate(part):
            file = Path(part.files[index]).name
            assert image.shape == (3, 16, 16)
            assert abs(int(image[0, 8, 8]) - 20 * (int(file[:6]) - 1)) <= 4  # the pixels of that file
            assert label == has(file, "Smiling") + 2 * has(file, "Male")


def test_the_first_attribute_is_the_lowest_bit(tmp_path):
    data = celeba(plain(tmp_path), attributes=["Male", "Smiling"], num_classes=4)
    assert data.train_set.labels.tolist() == [has(file, "Male") + 2 * has(file, "Smiling") for file in FILES[:8]]
    assert data.train_set.classes == ["none", "Male", "Smiling", "Male+Smiling"]


def test_the_middle_178_pixels_are_used(tmp_path):
    write_images(tmp_path)
    image = Image.new("RGB", (178, 218), "blue")
    image.paste("red", (0, 20, 178, 198))
    for file in FILES:
        image.save(tmp_path / file, quality=100)
    pixels = celeba(tmp_path, image_size=178).train_set[0][0]
    assert pixels[0].min() > 200
    assert celeba(tmp_path, image_size=178, crop=None).train_set[0][0].equal(pixels)  # a portrait: its middle square
    assert celeba(tmp_path, image_size=8, crop=400).train_set[0][0][0].min() > 200


def test_without_the_partition_a_part_is_held_out(tmp_path):
    data = celeba(write_images(tmp_path / "celeba"))
    train, held_out = set(data.train_set.files), set(data.held_out_set.files)
    assert len(held_out) == 1
    assert train | held_out == set(FILES)
    assert not train & held_out


def test_without_attributes_no_list_is_needed_and_there_are_no_labels(tmp_path):
    assert celeba(write_images(tmp_path)).train_set[0][1] is None


# ----- download ----------------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "CelebA", None)
    celeba(authors(tmp_path), download=True).setup()


def test_what_is_missing_is_fetched_by_torchvision(tmp_path, monkeypatch):
    def reader(root, split, download):
        assert (split, download) == ("all", True)
        (Path(root) / "celeba" / "img_align_celeba").mkdir(parents=True)  # a half unpacked one would be in the way
        torchvisions(Path(root))

    monkeypatch.setattr(torchvision.datasets, "CelebA", reader)
    root = tmp_path / "new"
    (root / "fetching" / "celeba" / "img_align_celeba").mkdir(parents=True)
    data = celeba(root, download=True)
    data.setup()
    assert [Path(file).name for file in data.held_out_set.files] == FILES[10:]
    assert not (root / "fetching").exists()


def test_what_another_process_fetched_meanwhile_is_taken(tmp_path, monkeypatch):
    @contextmanager
    def waits(path):
        authors(tmp_path)
        yield

    monkeypatch.setattr(module, "FileLock", waits)
    monkeypatch.setattr(torchvision.datasets, "CelebA", None)
    assert celeba(tmp_path, download=True).num_train == 8


def test_a_failed_download_is_one_sentence(tmp_path, monkeypatch):
    def reader(root, split, download):
        raise RuntimeError("Too many users have viewed this file")

    monkeypatch.setattr(torchvision.datasets, "CelebA", reader)
    assert sentence(celeba(tmp_path / "a", download=True).setup) == (
        f"CelebA could not be downloaded to '{tmp_path / 'a'}' (Too many users have viewed this file): put "
        "img_align_celeba.zip and list_eval_partition.txt (and list_attr_celeba.txt for data.attributes) from "
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html there"
    )


# ----- bad input ---------------------------------------------------------------------------------------------------------


def test_missing_images_are_one_sentence(tmp_path):
    assert sentence(celeba(tmp_path / "gone").setup) == (
        f"CelebA was not found in '{tmp_path / 'gone'}': put img_align_celeba.zip and list_eval_partition.txt (and "
        "list_attr_celeba.txt for data.attributes) from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html there, or try "
        "data.download=true"
    )
    assert not (tmp_path / "gone").exists()


def test_a_missing_list_of_attributes_is_named(tmp_path):
    data = celeba(write_images(tmp_path / "a"), attributes=["Male"], num_classes=2)
    assert sentence(data.setup) == (
        f"data.attributes needs list_attr_celeba.txt (or Kaggle's list_attr_celeba.csv) in '{tmp_path}': download it from "
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, or use data.attributes=[]"
    )


def test_an_unknown_attribute_names_the_nearest(tmp_path):
    message = sentence(celeba(plain(tmp_path), attributes=["Smilling"], num_classes=2).setup)
    assert message.startswith("data.attributes=Smilling does not exist (choices: 5_o_Clock_Shadow, ")
    assert message.endswith("; did you mean 'Smiling'?")


@pytest.mark.parametrize("attributes, given, right", [(["Male"], 3, "2"), (["Male", "Young"], None, "4"), ([], 2, "null")])
def test_the_number_of_classes_must_fit_the_attributes(tmp_path, attributes, given, right):
    message = f"data.num_classes={given} does not fit data.attributes=[{','.join(attributes)}]: use data.num_classes={right}"
    assert sentence(celeba, tmp_path, attributes=attributes, num_classes=given) == message


def test_an_attribute_given_twice_is_refused(tmp_path):
    message = "data.attributes=[Male,Male] repeats a name: give each name once"
    assert sentence(celeba, tmp_path, attributes=["Male", "Male"], num_classes=4) == message


def test_an_image_that_no_list_knows_is_named(tmp_path):
    plain(tmp_path)
    shutil.copy(tmp_path / FILES[0], tmp_path / "stranger.jpg")
    message = sentence(celeba(tmp_path).setup)
    assert message.startswith(f"the image 'stranger.jpg' is not in '{tmp_path / 'list_eval_partition.txt'}': ")


def test_a_list_of_another_form_is_named(tmp_path):
    plain(tmp_path)
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("  1\n", "\n", 1).replace(" -1\n", "\n", 1))
    message = sentence(celeba(tmp_path, attributes=["Male"], num_classes=2).setup)
    assert message.startswith(f"'{path}' is not the list that comes with CelebA: ")


def test_a_split_without_images_is_named(tmp_path):
    plain(tmp_path)
    for file in FILES[8:]:
        (tmp_path / file).unlink()
    message = sentence(celeba(tmp_path).setup)
    assert message.startswith(f"'{tmp_path}' lacks the training or the test images of '{tmp_path / 'list_eval_partition.txt'}'")


# ----- what a prepared array is made of ----------------------------------------------------------------------------------


def test_the_recipe_names_all_that_decides_the_bytes_and_no_place(tmp_path):
    plain_recipe = celeba(tmp_path).recipe
    assert plain_recipe == celeba(tmp_path / "else").recipe
    assert plain_recipe["name"] == "celeba"
    labelled = celeba(tmp_path, attributes=["Male"], num_classes=2).recipe
    assert labelled != celeba(tmp_path, attributes=["Young"], num_classes=2).recipe
    assert celeba(tmp_path, crop=None).recipe != plain_recipe


def test_the_stamp_changes_with_the_images_and_with_the_lists(tmp_path):
    assert celeba(tmp_path).stamp is None
    write_zip(tmp_path / "img_align_celeba.zip")
    images_alone = celeba(tmp_path).stamp
    write_lists(tmp_path)
    assert images_alone
    assert celeba(tmp_path).stamp != images_alone


def test_the_configuration_counts_the_classes_and_flips():
    cfg = compose("train", ["data=celeba", "data.attributes=[Smiling,Male]"])
    assert (cfg.data.num_classes, cfg.data.crop, cfg.data.flip) == (4, 178, True)
    assert (cfg.data.download, cfg.data.strict) == (False, False)
    assert compose("train", ["data=celeba"]).data.num_classes is None
