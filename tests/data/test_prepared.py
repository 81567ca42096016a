import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lab.data import prepared
from gan_lab.data.arrays import Arrays
from gan_lab.data.module import Data
from gan_lab.data.writer import Writer
from gan_lab.errors import InputError

SHAPE = (3, 4, 4)


class Source(Data):
    """20 images and 5 held out, each pixel of which is its number."""

    def __init__(self, root, stamp="1", num_classes=2, **settings):
        sets = {"train": partial(self.make, range(20)), "held_out": partial(self.make, range(20, 25))}
        options = {"channels": 3, "image_size": 4, "num_classes": num_classes, "batch_size": 4, "seed": 0}
        super().__init__(**sets, prepared=root, **options | settings)
        self.age, self.made, self.name = stamp, 0, "squares"

    def make(self, numbers):
        self.made += 1
        images = torch.tensor(numbers, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, *SHAPE)
        return Arrays(images, None if self.num_classes is None else torch.tensor(numbers) % 2, ["even", "odd"])

    @property
    def recipe(self):
        return {"name": self.name, "image_size": self.image_size}

    @property
    def stamp(self):
        return self.age


def write(root, **settings):
    source = Source(None, **settings)
    writer = Writer(prepared.place(root, source), source)
    for split in writer.sets:
        list(writer.write(split, workers=0, chunk=8))
    writer.finish()
    return writer.folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path)


def test_training_uses_prepared_arrays_and_asks_the_source_for_nothing(tmp_path, folder):
    data = Source(tmp_path)
    data.setup()
    batch, later = next(iter(data.train_dataloader())), next(iter(Source(None).train_dataloader()))
    assert data.made == 0
    assert torch.equal(batch[0], later[0])
    assert torch.equal(batch[1], later[1])
    held_out = next(iter(data.val_dataloader()[0]))
    assert held_out[0][:, 0, 0, 0].tolist() == [20, 21, 22, 23, 24]
    assert held_out[1].tolist() == [0, 1, 0, 1, 0]


def test_the_names_of_labels_are_kept(tmp_path, folder):
    assert Source(tmp_path).class_names == ["even", "odd"]
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["splits"].values():  # as versions before 0.3 wrote them
        for key in ("classes", "source", "faults"):
            del entry[key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    old = Source(tmp_path)
    old.setup()
    assert old.class_names == []
    assert old.faults == {}


def test_data_without_labels_are_prepared_without_them(tmp_path):
    write(tmp_path, num_classes=None)
    data = Source(tmp_path, num_classes=None)
    assert data.train_set.labels is None
    assert next(iter(data.train_dataloader()))[1] is None


def test_the_source_is_read_where_nothing_is_prepared(tmp_path):
    assert prepared.find(Source(tmp_path), "train") is None
    assert prepared.find(Source(None), "train") is None
    assert len(Source(tmp_path).train_set) == 20


def test_a_folder_that_is_not_finished_is_not_used(tmp_path):
    writer = Writer(prepared.place(tmp_path, Source(None)), Source(None))
    list(writer.write("train", workers=0, chunk=8))
    assert prepared.find(Source(tmp_path), "train") is None


def test_another_recipe_has_another_folder(tmp_path, folder):
    assert prepared.find(Source(tmp_path, image_size=8), "train") is None
    assert folder.name.startswith("squares-4-")
    assert len(folder.name) == len("squares-4-") + 8


def test_a_name_that_is_no_file_name_is_made_one(tmp_path):
    source = Source(tmp_path)
    source.name = "a/b=c [1]"
    assert prepared.place(tmp_path, source).parent == tmp_path
    assert prepared.place(tmp_path, source).name.startswith("a_b_c_1_-4-")


def test_images_that_have_changed_since_are_noticed(tmp_path, folder):
    with pytest.raises(InputError) as error:
        Source(tmp_path, stamp="2").setup()
    assert str(error.value).startswith(
        f"the images have changed since '{folder}' was made from them: run python -m gan_lab.prepare"
    )
    assert "data.prepared=null" in str(error.value)


def test_arrays_outlive_their_source(tmp_path, folder):
    assert len(prepared.find(Source(tmp_path, stamp=None), "train")) == 20


@pytest.mark.parametrize("name", ["train.uint8", "train.int64"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])], ids=["missing", "short"])
def test_a_damaged_array_is_named(tmp_path, folder, name, harm):
    harm(folder / name)
    with pytest.raises(InputError, match=f"{name}' is damaged or missing: delete .*gan_lab.prepare"):
        prepared.find(Source(tmp_path), "train")


def test_a_damaged_manifest_is_named(tmp_path, folder):
    (folder / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest.json' is damaged"):
        prepared.find(Source(tmp_path), "train")


def test_every_byte_can_be_verified(folder):
    prepared.verify(folder, prepared.read(folder))
    content = bytearray((folder / "held_out.uint8").read_bytes())
    content[7] += 1
    (folder / "held_out.uint8").write_bytes(content)
    with pytest.raises(InputError, match=r"held_out.uint8' is damaged"):
        prepared.verify(folder, prepared.read(folder))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists what is mapped")
def test_the_images_are_mapped_not_loaded(tmp_path, folder):
    images = prepared.find(Source(tmp_path), "train").images
    assert str(folder / "train.uint8") in Path("/proc/self/maps").read_text()
    assert images.shape == (20, *SHAPE)


def test_what_is_written_to_the_images_does_not_reach_the_file(tmp_path, folder):
    before = (folder / "train.uint8").read_bytes()
    prepared.find(Source(tmp_path), "train").images.fill_(255)
    assert (folder / "train.uint8").read_bytes() == before


def test_what_was_left_out_is_known_to_the_run_and_refused_by_a_strict_one(tmp_path, folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["splits"]["train"]["broken"] = ["a.jpg"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert Source(tmp_path).broken == ["a.jpg"]
    strict = Source(tmp_path)
    strict.strict = True
    with pytest.raises(InputError, match=r"data.strict=true, but 'a.jpg' is broken and not in '.*': replace or remove it"):
        strict.setup()


def test_the_files_are_plain_bytes_that_anyone_reads(folder):
    assert np.fromfile(folder / "train.uint8", np.uint8).reshape(20, *SHAPE)[:, 0, 0, 0].tolist() == list(range(20))
    assert np.fromfile(folder / "train.int64", np.int64).tolist() == [0, 1] * 10
