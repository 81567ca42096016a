import hashlib
import io
import json
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from gan_lab import __version__
from gan_lab.data import prepared
from gan_lab.data.decode import Fault
from gan_lab.data.folder import ImageFolder
from gan_lab.data.module import Data
from gan_lab.data.writer import Writer
from gan_lab.errors import InputError

PIXELS = 3 * 4 * 4


class Pictures(Dataset):
    """Images that are read by name, some of which are broken."""

    def __init__(self, numbers, broken, strict):
        self.numbers, self.unreadable, self.strict, self.asked = numbers, broken, strict, []
        self.labels = torch.tensor(numbers) % 3

    def __len__(self):
        return len(self.numbers)

    def name(self, index):
        return f"{self.numbers[index]}.jpg"

    def read(self, index):
        self.asked.append(self.numbers[index])
        if self.numbers[index] in self.unreadable:
            raise InputError(f"the image '{self.name(index)}' is broken")
        return torch.full((3, 4, 4), self.numbers[index], dtype=torch.uint8)

    def __getitem__(self, index):
        return self.read(0), 0  # hands over another in the place of a broken one, which must not be written


class Source(Data):
    def __init__(self, broken=(), strict=False, stamp="1", train=20):
        make = partial(partial, Pictures, broken=broken, strict=strict)
        options = {"channels": 3, "image_size": 4, "num_classes": 3, "batch_size": 1, "seed": 0}
        super().__init__(make(range(train)), make(range(20, 25)), **options)
        self.age = stamp

    @property
    def recipe(self):
        return {"name": "pictures"}

    @property
    def stamp(self):
        return self.age


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "arrays"


def write(folder, source, workers=0, chunk=3):
    writer = Writer(folder, source)
    for split in writer.sets:
        list(writer.write(split, workers, chunk))
    return writer.finish()


def numbers(folder, split="train"):
    return np.fromfile(folder / f"{split}.uint8", np.uint8).reshape(-1, PIXELS)[:, 0].tolist()


@pytest.mark.parametrize(
    ("chunk", "workers"),
    [(1, 0), (3, 0), (20, 0), (50, 0), (3, 2), *(pytest.param(chunk, 2, marks=pytest.mark.slow) for chunk in (1, 20, 50))],
)
def test_the_images_are_written_in_order_whatever_the_workers_and_chunks(folder, workers, chunk):
    write(folder, Source(), workers, chunk)
    assert numbers(folder) == list(range(20))
    assert numbers(folder, "held_out") == list(range(20, 25))
    assert np.fromfile(folder / "train.int64", np.int64).tolist() == [n % 3 for n in range(20)]


def test_the_manifest_says_source_transform_counts_and_hashes(folder):
    manifest = write(folder, Source(broken=[4]))
    assert manifest == json.loads((folder / "manifest.json").read_text())
    assert (manifest["gan_lab"], manifest["recipe"], manifest["stamp"]) == (__version__, {"name": "pictures"}, "1")
    entry = manifest["splits"]["train"]
    assert (entry["count"], entry["shape"], entry["labels"], entry["broken"]) == (19, [19, 3, 4, 4], True, ["4.jpg"])
    assert entry["faults"] == {Fault.BROKEN: 1}
    for kind in ("uint8", "int64"):
        assert entry["sha256"][kind] == hashlib.sha256((folder / f"train.{kind}").read_bytes()).hexdigest()


@pytest.mark.parametrize("workers", [0, 1])
def test_the_manifest_says_what_the_files_were_and_how_they_were_scaled(folder, tmp_path, workers):
    for number in range(6):
        path = tmp_path / "pictures" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (10, 8), number).save(path) if number else path.write_bytes(encoded_floats())
    options = {"channels": 3, "image_size": [4, 6], "num_classes": 2, "batch_size": 1, "seed": 0, "resize": "box"}
    data = ImageFolder(str(tmp_path / "pictures"), str(tmp_path / "pictures"), **options)
    manifest = write(folder, data, workers)
    assert (manifest["resize"], manifest["recipe"]["resize"]) == ("box", "box")
    entry = manifest["splits"]["train"]
    assert (entry["shape"], entry["classes"], entry["faults"]) == ([5, 3, 4, 6], ["a", "b"], {Fault.NO_RANGE: 1})
    assert entry["source"] == {"looked_at": 6, "sizes": [[1, 1, 1], [10, 8, 5]], "modes": {"F": 1, "L": 5}, "span": [0.0, 0.0]}
    assert prepared.Prepared(folder, "train", entry).source.sizes == [[1, 1, 1], [10, 8, 5]]


def encoded_floats():
    file = io.BytesIO()
    Image.new("F", (1, 1)).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_left_out_with_its_label(folder, workers):
    manifest = write(folder, Source(broken=[0, 1, 2, 7, 24]), workers)
    assert numbers(folder) == [3, 4, 5, 6, *range(8, 20)]
    assert np.fromfile(folder / "train.int64", np.int64).tolist() == [n % 3 for n in numbers(folder)]
    assert manifest["splits"]["train"]["broken"] == ["0.jpg", "1.jpg", "2.jpg", "7.jpg"]
    assert manifest["splits"]["held_out"]["broken"] == ["24.jpg"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_strict_source_ends_at_a_broken_image_with_its_sentence(folder, workers):
    with pytest.raises(InputError) as error:
        write(folder, Source(broken=[7], strict=True), workers)
    assert str(error.value) == "the image '7.jpg' is broken"
    assert not folder.exists()


def test_a_strict_source_does_not_go_on_from_what_left_an_image_out(folder):
    stopped(folder, Source(broken=[1]))
    with pytest.raises(InputError, match=r"'1.jpg' is broken"):
        write(folder, Source(broken=[1], strict=True))


def test_images_that_are_all_broken_make_no_array(folder):
    with pytest.raises(InputError, match=r"none of the 5 held_out images can be read, for example '20.jpg': replace them"):
        write(folder, Source(broken=range(20, 25)))
    assert not folder.exists()


# ----- stopped and taken up ----------------------------------------------------------------------------------------------


def stopped(folder, source=None, chunks=3):
    """A writer that was killed after some chunks, with a part of the next in the files."""
    writer = Writer(folder, source or Source())
    steps = writer.write("train", 0, 3)
    for _ in range(chunks):
        next(steps)
    for kind in ("uint8", "int64"):
        with (writer.partial / f"train.{kind}").open("ab") as file:
            file.write(b"torn")
    return writer.partial


@pytest.mark.parametrize("chunks", [1, 3, 7])
def test_a_stopped_writer_is_taken_up_where_it_was(folder, tmp_path, chunks):
    source = Source(broken=[2, 13])
    stopped(folder, Source(broken=[2, 13]), chunks)
    assert not folder.exists()
    manifest, whole = write(folder, source), write(tmp_path / "undisturbed", Source(broken=[2, 13]))
    assert source.train_set.asked == list(range(3 * chunks, 20))
    assert manifest["splits"] == whole["splits"]


def test_it_may_be_taken_up_in_the_second_split(folder):
    writer = Writer(folder, Source())
    list(writer.write("train", 0, 3))
    next(writer.write("held_out", 0, 3))
    source = Source()
    write(folder, source)
    assert source.train_set.asked == []
    assert source.held_out_set.asked == [23, 24]
    assert numbers(folder, "held_out") == [20, 21, 22, 23, 24]


def test_whole_arrays_that_only_lack_their_place_are_not_read_again(folder):
    write(folder, Source())
    (folder / "progress.json").write_text(json.dumps(marks(folder)))
    folder.rename(folder.with_name("arrays.partial"))
    source = Source()
    write(folder, source)
    assert source.train_set.asked == source.held_out_set.asked == []
    assert numbers(folder) == list(range(20))


def marks(folder):
    ends = {"train": 20, "held_out": 5}
    splits = {s: {"total": n, "read": n, "images": n, "labels": n, "broken": []} for s, n in ends.items()}
    return {"recipe": {"name": "pictures"}, "stamp": "1", "splits": splits}


def test_what_a_changed_source_had_begun_is_begun_anew(folder):
    stopped(folder, Source(stamp="0"))
    source = Source(stamp="1")
    write(folder, source)
    assert source.train_set.asked == list(range(20))


def test_a_source_with_more_images_is_begun_anew(folder):
    stopped(folder, Source(train=12))
    write(folder, Source())
    assert numbers(folder) == list(range(20))


@pytest.mark.parametrize("harm", ["short", "missing", "no json", "strange"])
def test_a_partial_folder_that_does_not_hold_is_begun_anew(folder, harm):
    partial_folder = stopped(folder)
    if harm == "short":
        (partial_folder / "train.uint8").write_bytes(bytes(5))
    elif harm == "missing":
        (partial_folder / "train.int64").unlink()
    else:
        (partial_folder / "progress.json").write_text({"no json": "{", "strange": "[]"}[harm])
    source = Source()
    write(folder, source)
    assert source.train_set.asked == list(range(20))
    assert numbers(folder) == list(range(20))


def test_nothing_but_the_arrays_and_their_manifest_stays(folder, tmp_path):
    write(folder, Source())
    write(folder, Source(stamp="2"))
    assert [path.name for path in tmp_path.iterdir()] == ["arrays"]
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json", *(f"{split}.{kind}" for split in ("train", "held_out") for kind in ("uint8", "int64"))
    }  # fmt: skip


def test_arrays_of_a_changed_source_are_replaced_and_those_in_use_stay_readable(folder):
    manifest = write(folder, Source())
    in_use = prepared.Prepared(folder, "train", manifest["splits"]["train"])
    write(folder, Source(stamp="2", broken=[0]))
    assert numbers(folder) == list(range(1, 20))
    assert in_use.images[:, 0, 0, 0].tolist() == list(range(20))


def test_a_stop_between_the_two_renamings_loses_nothing(folder):
    write(folder, Source())
    shutil.copytree(folder, folder.with_name("arrays.former"))
    write(folder, Source(stamp="2"))
    assert not folder.with_name("arrays.former").exists()


def test_what_is_left_to_write_is_known(folder):
    assert Writer(folder, Source()).bytes_left == 25 * (PIXELS + 8)
    stopped(folder, chunks=2)
    assert Writer(folder, Source()).bytes_left == 19 * (PIXELS + 8)


def test_writing_draws_no_random_numbers(folder):
    before = torch.get_rng_state()
    write(folder, Source(), workers=1)
    assert torch.equal(torch.get_rng_state(), before)
