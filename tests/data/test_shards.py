import io
import json
import tarfile

import pytest
from PIL import Image

from gan_lab.data.decode import Unreadable
from gan_lab.data.shards import INDEX, Shards
from gan_lab.data.store import MOST_BYTES
from gan_lab.errors import InputError


def png(value):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (value, 0, 0)).save(file, "PNG")
    return file.getvalue()


def pack(path, entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def root(tmp_path):
    """Three shards of two images, each with its label."""
    for shard in range(3):
        numbers = (2 * shard, 2 * shard + 1)
        entries = {
            f"{number:03}.{kind}": (png(number) if kind == "png" else b"%d\n" % number)
            for number in numbers
            for kind in ("png", "cls")
        }
        pack(tmp_path / "shards" / f"train-{shard:02}.tar", entries)
    return tmp_path / "shards"


def red(store, file):
    with store.open(file) as opened, Image.open(opened) as image:
        return image.getpixel((0, 0))[0]


@pytest.mark.parametrize("place", ["", "/", "/train-*.tar", "/train-{00..02}.tar"])
def test_images_and_labels_come_in_the_order_of_the_shards(root, place):
    store = Shards(f"{root}{place}")
    assert store.files == [f"train-{n // 2:02}.tar/{n:03}.png" for n in range(6)]
    assert [red(store, file) for file in store.files] == store.labels == list(range(6))


def test_one_tar_file_and_a_url_are_places_too(root):
    assert len(Shards(str(root / "train-01.tar")).files) == 2
    assert len(Shards(f"file://{root}/train-*.tar").files) == 6
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in root.glob("*.tar"):
        memory.pipe(f"/shards/{path.name}", path.read_bytes())
    store = Shards("memory://shards")
    assert [red(store, file) for file in store.files] == list(range(6))
    assert not memory.exists(f"/shards/{INDEX}")


def test_the_index_spares_the_headers_until_a_shard_changes(root, monkeypatch):
    first = Shards(str(root)).files
    with monkeypatch.context() as patch:
        patch.setattr(Shards, "_read_headers", lambda self: pytest.fail("the headers were read"))
        assert Shards(str(root)).files == first
    pack(root / "train-00.tar", {"new.png": png(9)})
    assert Shards(str(root)).files[0] == "train-00.tar/new.png"
    pack(root / "train-09.tar", {"more.png": png(9)})
    assert Shards(str(root)).files[-1] == "train-09.tar/more.png"


def test_a_folder_that_cannot_be_written_to_is_read_all_the_same(root, monkeypatch):
    def refuse(path, text):
        raise PermissionError(path)

    monkeypatch.setattr("gan_lab.data.shards.atomic.write_text", refuse)
    assert len(Shards(str(root)).files) == 6


def test_an_image_without_a_label_has_none(tmp_path):
    pack(tmp_path / "a.tar", {"a.png": png(1), "b.seg.png": png(2), "b.cls": b"3", "c.txt": b"no image"})
    assert Shards(str(tmp_path)).labels == [None, 3]


def cut(path):
    """End a tar file behind its first file, as a download that broke off may."""
    with tarfile.open(path) as tar:
        end = tar.getmembers()[1].offset
    path.write_bytes(path.read_bytes()[:end])


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (
            lambda root: cut(root / "train-00.tar"),
            r"train-00\.tar' is not a complete, uncompressed tar file \(its end marker is missing\)",
        ),
        (lambda root: (root / "a.tar").mkdir(), r"^the tar files of data\.root= cannot be read: .*a\.tar"),
        (lambda root: [path.unlink() for path in root.glob("*.tar")], r"^there are no tar files in '.*': give data\.root="),
        (lambda root: pack(root / "a.tar", {"a.txt": b""}), r"a\.tar' holds no images \("),
        (
            lambda root: (root / "a.tar").write_bytes(b"no tar file at all" * 100),
            r"a\.tar' is not a complete, uncompressed tar file \(",
        ),
        (lambda root: pack(root / "a.tar", {"a.png": b"", "a.cls": b"cat"}), r"^'a\.cls' of '.*a\.tar' is no whole number"),
        (lambda root: (root / INDEX).write_text("{"), r"index\.json' cannot be read \("),
    ],
)
def test_bad_shards_are_refused_in_one_sentence(root, prepare, sentence):
    prepare(root)
    with pytest.raises(InputError, match=sentence):
        _ = Shards(str(root)).files


def test_an_unknown_protocol_is_refused():
    with pytest.raises(InputError, match=r"^data\.root=nosuch://x cannot be opened: "):
        Shards("nosuch://x")


def test_an_index_cannot_ask_for_memory_without_end(root):
    store = Shards(str(root))
    _ = store.files
    content = json.loads((root / INDEX).read_text())
    content["train-00.tar"]["sizes"][0] = MOST_BYTES
    (root / INDEX).write_text(json.dumps(content))
    store = Shards(str(root))
    with pytest.raises(Unreadable):
        store.open(store.files[0])
