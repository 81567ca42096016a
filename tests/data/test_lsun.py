import io
import sys

import pytest
import torch
from PIL import Image

from gan_lab.data import lsun as module
from gan_lab.data.lsun import LSUN
from gan_lab.errors import InputError

lmdb = pytest.importorskip("lmdb", exc_type=ImportError)


def jpeg(index, size=(300, 256)):
    file = io.BytesIO()
    Image.new("RGB", size, (index, 0, 0)).save(file, "JPEG", quality=100)
    return file.getvalue()


def write(folder, n=40, value=jpeg):
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 26) as base, base.begin(write=True) as transaction:
        for index in range(n):
            transaction.put(b"%040x" % (index * 12345), value(index))
    return folder


def lsun(root, category="bedroom", **settings):
    options = {"channels": 3, "image_size": 16, "crop": 256, "num_classes": None, "batch_size": 4, "seed": 0}
    return LSUN(str(root), category, **options | settings)


def number(key):
    return int(key, 16) // 12345


def sentence(function, *args, **kwargs):
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.mark.parametrize("folder, category", [("bedroom_train_lmdb", "bedroom"), ("cat", "cat")])
def test_scenes_and_objects_are_read_where_lsun_unpacks_them(tmp_path, folder, category):
    write(tmp_path / folder)
    data = lsun(tmp_path, category)
    data.setup()
    for part in (data.train_set, data.held_out_set):
        for index, (image, label) in enumerate(part):
            assert image.shape == (3, 16, 16)
            assert label is None
            assert abs(int(image[0, 8, 8]) - number(part.files[index])) <= 3


def test_a_tenth_is_held_out_of_a_small_base_and_nothing_is_in_both(tmp_path):
    write(tmp_path / "bedroom_train_lmdb")
    data = lsun(tmp_path)
    train, held_out = set(data.train_set.files), set(data.held_out_set.files)
    assert len(held_out) == 4
    assert not train & held_out
    assert len(train | held_out) == 40
    assert held_out == set(lsun(tmp_path, image_size=8, seed=1).held_out_set.files)


def test_a_fixed_number_is_held_out_of_a_large_one(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HELD_OUT", 3)
    write(tmp_path / "bedroom_train_lmdb")
    assert len(lsun(tmp_path).held_out_set) == 3


def test_forked_workers_read_the_base_that_this_process_has_read(tmp_path):
    write(tmp_path / "bedroom_train_lmdb")
    data = lsun(tmp_path, num_workers=2)
    data.setup()
    alone = next(iter(lsun(tmp_path).train_dataloader()))[0]
    assert torch.equal(next(iter(data.train_dataloader()))[0], alone)
    assert not data.broken


def test_nothing_is_written_beside_the_base(tmp_path, monkeypatch):
    base = write(tmp_path / "data" / "bedroom_train_lmdb")
    (base / "lock.mdb").unlink()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    lsun(tmp_path / "data").setup()
    assert [path.name for path in base.iterdir()] == ["data.mdb"]
    assert not list((tmp_path / "work").iterdir())


def test_a_broken_image_is_named_by_its_key(tmp_path, capfd):
    base = write(tmp_path / "bedroom_train_lmdb", value=lambda index: b"text" if index == 7 else jpeg(index))
    data = lsun(tmp_path)
    assert all(image.shape == (3, 16, 16) for part in (data.train_set, data.held_out_set) for image, _ in part)
    assert data.broken == [str(base / f"{7 * 12345:040x}")]
    assert f"{7 * 12345:040x}" in capfd.readouterr().err


def test_a_missing_base_is_one_sentence(tmp_path):
    assert sentence(lsun(tmp_path, "church_outdoor").setup) == (
        f"there is no '{tmp_path / 'church_outdoor_train_lmdb' / 'data.mdb'}': unpack "
        f"http://dl.yf.io/lsun/scenes/church_outdoor_train_lmdb.zip in '{tmp_path}'"
    )
    assert sentence(lsun(tmp_path, "cat").setup).endswith(f"unpack http://dl.yf.io/lsun/objects/cat.zip in '{tmp_path}'")


def test_an_unknown_category_names_the_nearest(tmp_path):
    message = sentence(lsun(tmp_path, "bedrooms").setup)
    assert message.startswith("data.category=bedrooms does not exist (choices: bedroom, bridge, ")
    assert message.endswith("; did you mean 'bedroom'?")


def test_without_the_package_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    write(tmp_path / "bedroom_train_lmdb")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    assert sentence(lsun(tmp_path).setup) == "data=lsun needs the package lmdb: pip install 'gan_lab[lsun]'"


@pytest.mark.parametrize("damage", ["text", "empty"])
def test_a_damaged_base_is_one_sentence(tmp_path, damage):
    base = tmp_path / "bedroom_train_lmdb"
    if damage == "empty":
        write(base, 0)
    else:
        base.mkdir()
        (base / "data.mdb").write_bytes(b"no data base" * 1000)
    message = sentence(lsun(tmp_path).setup)
    assert message.startswith(f"'{base / 'data.mdb'}' ")
    assert message.endswith(": download and unpack it again")


def test_the_recipe_has_the_category_and_the_stamp_the_date(tmp_path):
    assert lsun(tmp_path).stamp is None
    write(tmp_path / "bedroom_train_lmdb")
    assert lsun(tmp_path).stamp
    assert lsun(tmp_path).recipe["name"] == "lsun_bedroom"
    assert lsun(tmp_path).recipe == lsun(tmp_path / "else").recipe != lsun(tmp_path, crop=None).recipe
