import io
import re
import tarfile
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from gan_lab.cli.compose import compose
from gan_lab.data.webdataset import WebDataset
from gan_lab.errors import InputError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Five shards of four images; red is the number of the image, whose class is 0 or 1."""
    folder = tmp_path_factory.mktemp("shards")
    for shard in range(5):
        with tarfile.open(folder / f"{shard:03}.tar", "w") as tar:
            for number in range(4 * shard, 4 * shard + 4):
                file = io.BytesIO()
                Image.new("RGB", (8, 8), (number, 0, 0)).save(file, "PNG")
                for kind, data in (("png", file.getvalue()), ("cls", b"%d" % (number % 2))):
                    member = tarfile.TarInfo(f"{number:05}.{kind}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return folder


def data(root, rank=0, world_size=1, images_seen=0, **settings):
    options = {"channels": 3, "image_size": 8, "num_classes": 2, "batch_size": 4, "seed": 0, "streams": 2}
    module = WebDataset(str(root), **options | settings)
    module.trainer = SimpleNamespace(
        global_rank=rank,
        world_size=world_size,
        training=True,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
        lightning_module=SimpleNamespace(images_seen=images_seen, d_steps_done=0),
    )
    return module


def take(module, count):
    return [images[:, 0, 0, 0].tolist() for images, _ in islice(module.train_dataloader(), count)]


def test_labels_stay_with_their_images_and_the_last_shards_are_held_out(root):
    module = data(root)
    module.setup()
    assert (module.num_train, len(module.held_out_set)) == (16, 4)
    for images, y in islice(module.train_dataloader(), 8):
        assert torch.equal(images[:, 0, 0, 0] % 2, y)
    held_out, train = ([int(n) for images, _ in loader for n in images[:, 0, 0, 0]] for loader in module.val_dataloader())
    assert (held_out, train) == ([16, 17, 18, 19], [0, 1, 2, 3])  # of one shard


def test_a_resumed_run_sees_the_rest_of_the_batches_with_workers_too(root):
    whole = take(data(root), 12)
    assert take(data(root, images_seen=5 * 4, num_workers=2), 7) == whole[5:]
    assert sorted(n for batch in whole[:4] for n in batch) == list(range(16))


def test_two_processes_see_what_one_sees_and_each_opens_its_own_shards(root):
    ranks = [take(data(root, rank, 2, batch_size=2), 4) for rank in range(2)]
    assert [a + b for a, b in zip(*ranks, strict=True)] == take(data(root), 4)
    shards = [{n // 4 for batch in rank for n in batch} for rank in ranks]
    assert not shards[0] & shards[1]


def test_a_second_place_may_be_held_out(root):
    module = data(root, held_out_root=str(root / "001.tar"))
    module.setup()
    assert (module.num_train, [int(image[0, 0, 0]) for image, _ in map(module.held_out_set.__getitem__, range(4))]) == (
        20,
        [4, 5, 6, 7],
    )


def test_prepared_arrays_change_with_the_shards_that_are_held_out(root):
    assert data(root).recipe != data(root, held_out_shards=2).recipe
    assert data(root).stamp and data(root).stamp.count(" ") == 4


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"streams": 3},
            "data.streams=3 must be a multiple of 1 process, divide the batch of 4 and be at most the 4",
        ),
        ({"streams": 8, "batch_size": 8}, "data.streams=8 must be"),
        (
            {"streams": 1, "world_size": 2},
            "and be at most the 4 training shards: use 2 or 4",
        ),
        ({"held_out_shards": 5}, "has 5 tar files, and data.held_out_shards=5 leaves none to train on"),
    ],
)
def test_what_does_not_fit_is_refused(root, settings, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        data(root, **settings).train_dataloader()


def test_the_place_is_asked_for():
    with pytest.raises(InputError, match=r"^data=webdataset needs tar files: give data\.root="):
        WebDataset(None, channels=3, image_size=8, num_classes=None, batch_size=4, seed=0)
    assert compose("train", ["data=webdataset"]).data.streams == 8
