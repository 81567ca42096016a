import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from gan_lab.data import decode as decode_file
from gan_lab.data.decode import Fault
from gan_lab.data.files import Images
from gan_lab.data.store import Folder
from tests.data.image_files import encoded, sentence, to_8, write


def test_the_bytes_count_and_not_the_extension(tmp_path):
    write(tmp_path / "png.jpg")
    assert Images(Folder(tmp_path), ["png.jpg"], to_8)[0][0][:, 0, 0].tolist() == [255, 0, 0]


# ----- broken images -----------------------------------------------------------------------------------------------------

NOISE = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
BROKEN = {
    "text.png": b"no image",
    "empty.jpg": b"",
    "half.png": NOISE[:2000],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_is_named(tmp_path, name):
    path = write(tmp_path / name, BROKEN[name])
    images = Images(Folder(tmp_path), [name], to_8, strict=True)
    message = f"the image '{path}' is broken or in an unknown format: replace or remove it"
    assert sentence(images.read, 0) == message
    assert sentence(images.__getitem__, 0) == message


@pytest.fixture
def holed(tmp_path):
    """Images 0 to 5, of which 1, 2 and 5 are broken."""
    for index in range(6):
        image = encoded(Image.new("RGB", (8, 8), (index, 0, 0)))
        write(tmp_path / f"{index}.png", b"no image" if index in (1, 2, 5) else image)
    return Folder(tmp_path)


def test_the_next_good_image_stands_in_with_its_own_label(holed):
    images = Images(holed, holed.files, to_8, labels=range(6))
    assert [(int(image[0, 0, 0]), label) for image, label in images] == [(n, n) for n in (0, 3, 3, 3, 4, 0)]
    assert images[1][1] == 3  # and again


def test_each_kind_of_fault_is_said_once_and_counted(holed, capfd):
    images = Images(holed, holed.files, to_8)
    for index in (1, 1, 5, 1):
        _ = images[index]
    lines = capfd.readouterr().err.splitlines()
    assert lines == [
        f"the image '{holed.root / '1.png'}' is broken or in an unknown format: replace or remove it "
        "(using the next one, and counting others like it; data.strict=true stops instead)"
    ]
    assert images.faults == {Fault.BROKEN: 3}
    assert images.broken == [str(holed.root / name) for name in ("1.png", "2.png", "5.png")]


def test_each_reason_is_said_once(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(decode_file, "MOST_PIXELS", 100)
    for index in range(2):
        write(tmp_path / f"float{index}.tif", encoded(Image.new("F", (4, 4)), "TIFF"))
        write(tmp_path / f"large{index}.png", encoded(Image.new("L", (10, 11))))
        write(tmp_path / f"ok{index}.png")
    images = Images(Folder(tmp_path), Folder(tmp_path).files, to_8)
    assert len(list(images)) == 6
    lines = [line.split("' ", 1)[1].split(" (")[0] for line in capfd.readouterr().err.splitlines()]
    assert lines == [Fault.NO_RANGE, Fault.TOO_LARGE]
    assert images.faults == {Fault.TOO_LARGE: 2, Fault.NO_RANGE: 2}
    assert "more than 100 megapixels" in Fault.TOO_LARGE


def test_what_workers_find_broken_is_counted_here(holed, capfd):
    images = Images(holed, holed.files, to_8)
    for _ in range(2):
        list(DataLoader(images, 2, num_workers=2, multiprocessing_context="fork", collate_fn=len))
    assert images.broken == [str(holed.root / name) for name in ("1.png", "2.png", "5.png")]
    assert capfd.readouterr().err.count("is broken") <= 2  # two workers may meet their first at once
    assert images.faults == {Fault.BROKEN: 3}


def test_a_strict_worker_stops_in_one_sentence(holed):
    loader = DataLoader(Images(holed, holed.files, to_8, strict=True), 2, num_workers=1, multiprocessing_context="fork")
    message = f"the image '{holed.root / '1.png'}' is broken or in an unknown format: replace or remove it"
    assert sentence(list, loader) == message


@pytest.mark.parametrize("workers", [0, 1])
def test_when_no_image_is_whole_the_run_stops_in_one_sentence(tmp_path, workers):
    for name in ("a.png", "b.png"):
        write(tmp_path / name, b"no image")
    context = "fork" if workers else None
    loader = DataLoader(
        Images(Folder(tmp_path), ["a.png", "b.png"], to_8), 1, num_workers=workers, multiprocessing_context=context
    )
    assert sentence(list, loader) == f"none of the 2 images of '{tmp_path}' can be read: check that they are complete"


def test_labels_are_whole_numbers_and_names_are_paths(holed):
    images = Images(holed, ["3.png", "0.png"], to_8, labels=[1, 0], classes=["a", "b"])
    assert images.labels.dtype == torch.int64
    assert images.name(0) == str(holed.root / "3.png")
    assert images[0][1] == 1
    assert Images(holed, ["0.png"], to_8)[0][1] is None
