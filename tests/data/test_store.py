import os
import stat
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from gan_lab.data.files import BrokenImage, Images
from gan_lab.data.store import Folder, Zip, open_store, stamp
from tests.data.image_files import encoded, pack, sentence, to_8, write

# ----- folders -----------------------------------------------------------------------------------------------------------


def test_listing_is_sorted_and_ignores_the_case_of_extensions(tmp_path):
    for name in ("b.PNG", "a/z.Jpeg", "a.gif", "._a.png", ".thumbnails/a.png", "notes.txt", "__MACOSX/._a.png"):
        write(tmp_path / name)
    assert Folder(tmp_path).files == ["a.gif", "a/z.Jpeg", "b.PNG"]


def test_the_root_may_be_a_link(tmp_path):
    write(tmp_path / "real" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_store(tmp_path / "link").files == ["a.png"]


def test_links_inside_are_fine_and_circles_are_passed_over(tmp_path):
    write(tmp_path / "deep" / "own.png")
    (tmp_path / "inside.png").symlink_to(tmp_path / "deep" / "own.png")
    (tmp_path / "deep" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert Folder(tmp_path).files == ["deep/own.png", "inside.png"]


@pytest.mark.parametrize("name, target", [("file.png", "secret.png"), ("folder", "."), ("file.png", "gone.png")])
def test_a_link_that_leaves_the_folder_is_refused_by_name(tmp_path, name, target):
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(outside / "secret.png")
    write(root / "own.png")
    (root / name).symlink_to(outside / target)
    assert sentence(lambda: Folder(root).files) == (
        f"the link '{root / name}' leaves the folder '{root}' for '{(outside / target).resolve()}': remove it, or copy its "
        "target here"
    )


@pytest.mark.parametrize("target", ["gone.png", "dangling.png"])
def test_a_link_to_nothing_is_a_broken_image(tmp_path, target):
    (tmp_path / "dangling.png").symlink_to(tmp_path / target)
    files = Folder(tmp_path).files
    assert files == ["dangling.png"]
    with pytest.raises(BrokenImage, match=r"dangling\.png"):
        Images(Folder(tmp_path), files, to_8).read(0)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path):
    write(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert Folder(tmp_path).files == ["a.png"]


def test_a_missing_place_is_named(tmp_path):
    message = f"there is no folder or zip file '{tmp_path / 'gone'}': set data.root or data.held_out_root to one with images"
    assert sentence(open_store, tmp_path / "gone") == message


def test_a_place_without_images_is_named(tmp_path):
    write(tmp_path / ".hidden.png")
    kinds = ".jpg, .jpeg, .png, .webp, .gif, .bmp, .tif, .tiff, .ppm, .pgm"
    assert sentence(lambda: Folder(tmp_path).files) == f"'{tmp_path}' holds no images ({kinds}): add some, not hidden"
    path = pack(tmp_path / "a.zip", {"notes.txt": b"", "__MACOSX/._a.png": b""})
    assert sentence(lambda: Zip(path).files) == f"'{path}' holds no images ({kinds}): add some, not hidden"


# ----- zip files ---------------------------------------------------------------------------------------------------------


def test_a_zip_file_is_read_as_a_folder_is(tmp_path):
    store = open_store(pack(tmp_path / "a.zip", {"b.PNG": encoded(), "dir/a.jpg": b"other", "notes.txt": b"", ".x.png": b""}))
    assert store.files == ["b.PNG", "dir/a.jpg"]
    assert store.open("dir/a.jpg").read() == b"other"


@pytest.mark.parametrize(
    "names, files",
    [
        (["top/cat/1.png", "top/dog/1.png"], ["cat/1.png", "dog/1.png"]),
        (["top/1.png", "top/2.png", "__MACOSX/top/1.png", ".git/1.png"], ["1.png", "2.png"]),
        (["cat/1.png", "dog/1.png"], ["cat/1.png", "dog/1.png"]),
        (["top/1.png", "2.png"], ["2.png", "top/1.png"]),
        (["./cat/1.png", "dog\\1.png"], ["cat/1.png", "dog/1.png"]),
    ],
)
def test_a_single_top_folder_does_not_count(tmp_path, names, files):
    store = Zip(pack(tmp_path / "a.zip", {name: name.encode() for name in names}))
    assert store.files == files
    assert all(store.open(file).read().decode().endswith(file.rpartition("/")[2]) for file in files)


@pytest.mark.parametrize("name", ["../a.png", "cat/../../a.png", "/a.png", "C:/a.png", "..\\a.png", "../notes.txt"])
def test_a_zip_entry_that_leaves_is_refused_by_name(tmp_path, name):
    path = pack(tmp_path / "a.zip", {"own.png": encoded(), name: encoded()})
    message = f"the entry '{name}' of '{path}' is a link or leaves the folder: pack the images again without it"
    assert sentence(lambda: Zip(path).files) == message


def test_a_link_in_a_zip_file_is_refused_by_name(tmp_path):
    entry = zipfile.ZipInfo("link.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = pack(tmp_path / "a.zip", {entry: b"/etc/passwd"})
    assert sentence(lambda: Zip(path).files).startswith(f"the entry 'link.png' of '{path}' is a link or leaves the folder")


def test_an_encrypted_entry_is_refused_by_name(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.png": encoded()})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # the flag in the central directory
    path.write_bytes(data)
    message = f"the entry 'a.png' of '{path}' is encrypted: pack the images without a password"
    assert sentence(lambda: Zip(path).files) == message


def test_half_a_zip_file_is_named(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.png": encoded()})
    path.write_bytes(path.read_bytes()[:-30])
    message = f"'{path}' is neither a folder nor a whole zip file: give a folder of images, or download or pack it again"
    assert sentence(lambda: Zip(path).files) == message


def test_damaged_bytes_in_a_zip_file_are_found(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    path = pack(tmp_path / "a.zip", {"a.bmp": encoded(Image.fromarray(pixels), "BMP")})  # any pixels are a valid bitmap
    data = bytearray(path.read_bytes())
    data[300] ^= 255
    path.write_bytes(data)
    store = Zip(path)
    with pytest.raises(BrokenImage, match=r"a\.zip/a\.bmp"):
        Images(store, store.files, to_8).read(0)


@pytest.mark.slow
def test_forked_workers_read_one_zip_file_at_once(tmp_path):
    contents = [f"{index:05}".encode() * 2000 for index in range(2000)]
    store = open_store(pack(tmp_path / "a.zip", {f"{index:05}.png": data for index, data in enumerate(contents)}))
    images = Images(store, store.files, lambda file: torch.tensor(int(file.read()[-5:])))
    assert images[5][0] == 5  # the handle is open before the fork
    loader = DataLoader(
        images, 50, num_workers=2, multiprocessing_context="fork", collate_fn=lambda batch: [i for i, _ in batch]
    )
    assert [int(number) for batch in loader for number in batch] == list(range(2000))
    assert not images.broken


@pytest.mark.parametrize("stated", [0, 100, 2**31])
def test_an_entry_is_not_unpacked_beyond_the_size_that_the_zip_file_states(tmp_path, stated):
    """A few kilobytes may unpack to gigabytes; Python's own reading unpacks them all before it compares."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.png", bytes(2**26))
        file.writestr("good.png", encoded())
    store = Zip(path)
    assert store.files == ["bomb.png", "good.png"]
    store._entries["bomb.png"].file_size = stated
    images = Images(store, store.files, to_8)
    tracemalloc.start()
    try:
        with pytest.raises(BrokenImage, match=r"a.zip/bomb.png' unpacks to another size than its zip file states, or to more"):
            images.read(0)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()
    assert images.read(1).shape == (3, 8, 8)


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_entry_that_cannot_be_unpacked_within_bounds_is_refused(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", kind) as file:
        file.writestr("a.png", encoded())
    assert "is packed in a rare way: pack the images as by zip -r" in sentence(lambda: Zip(tmp_path / "a.zip").files)


def test_names_of_files_that_are_no_images_are_kept(tmp_path):
    junk = (".DS_Store", "Thumbs.db", "__MACOSX/a.png", ".ipynb_checkpoints/a.png", "desktop.ini")
    for name in ("a.png", "b/notes.txt", "c.heic", *junk):
        write(tmp_path / "root" / name)
    path = pack(tmp_path / "a.zip", {f"root/{name}": b"" for name in ("a.png", "b/notes.txt", "c.heic", *junk)})
    assert (Folder(tmp_path / "root").files, Folder(tmp_path / "root").others) == (["a.png"], ["b/notes.txt", "c.heic"])
    assert (Zip(path).files, Zip(path).others) == (["a.png"], ["root/b/notes.txt", "root/c.heic"])


# ----- stamps ------------------------------------------------------------------------------------------------------------


def test_a_stamp_changes_with_its_files(tmp_path):
    write(tmp_path / "cat" / "a.png")
    before = stamp(tmp_path)
    assert stamp(tmp_path) == before
    os.utime(tmp_path / "cat", ns=(0, 1))  # as when a file comes or goes
    assert stamp(tmp_path) != before
    path = pack(tmp_path / "a.zip", {"a.png": b"1"})
    os.utime(path, ns=(0, 1))
    before = stamp(path)
    os.utime(path, ns=(0, 2))
    assert stamp(path) != before
