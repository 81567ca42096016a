import json
import time
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from gan_lab import benchmark_data
from gan_lab.benchmark import data
from gan_lab.cli.compose import compose

SMALL = ["data.image_size=8", "data.batch_size=4", "benchmark.workers=1", "benchmark.seconds=0", "benchmark.rounds=2"]
WAYS = ["torchvision", "gan_lab, files", "gan_lab, prepared", "gan_lab, memory"]


@pytest.fixture
def root(tmp_path):
    """Three classes of ten images, all different."""
    for label in range(3):
        (tmp_path / "images" / str(label)).mkdir(parents=True)
        for number in range(10):
            image = Image.linear_gradient("L").resize((8, 8)).rotate(90).point(lambda v, k=10 * label + number: v // 2 + 4 * k)
            image.convert("RGB").save(tmp_path / "images" / str(label) / f"{number}.png")
    return tmp_path / "images"


@pytest.mark.slow
def test_it_prints_and_writes_four_speeds_and_memories(call, capsys):
    folder = call(benchmark_data.main, *SMALL, "benchmark.images=30")
    record = json.loads((folder / "benchmark_data.json").read_text())
    assert list(record["ways"]) == WAYS
    for way in record["ways"].values():
        assert way["images_per_second"] > 0
        assert len(way["rounds"]) == 2
        assert way["images"] == 8  # a batch a round, where no time is given
        assert min(way["resident_mib"]) > 0
    assert record["ways"][WAYS[0]]["ratio"] == 1
    assert (record["batch"], record["workers"]) == ([4, 3, 8, 8], 1)
    out = capsys.readouterr().out
    assert all(word in out for word in (*WAYS, "images/s", "ratio", "growth"))
    assert [path.name for path in folder.iterdir()] == ["benchmark_data.json"]


@pytest.mark.parametrize("options", [["data=digits"], ["data.image_size=[8,16]"]])
def test_data_that_torchvision_cannot_read_beside_ours_are_refused(options, call):
    with pytest.raises(SystemExit, match="measures folders of square images"):
        call(benchmark_data.main, *options)


def configured(root):
    cfg = compose("benchmark_data", [*SMALL, f"data.root={root}"])
    cfg.data.num_classes = data.num_classes(root)
    return cfg


def keys(images):
    """Each image without its side: a flip changes nothing."""
    return sorted(tuple(round(v, 2) for v in image.sum(-1).flatten().tolist()) for image in images)


@pytest.mark.slow
def test_every_way_hands_over_the_same_images_flipped_by_half(root, tmp_path):
    cfg, cpu = configured(root), torch.device("cpu")
    ways = data.modules(cfg, 1, tmp_path / "scratch")
    count = len(ways["gan_lab, prepared"].train_set)
    assert count == len(ways["gan_lab, files"].train_set) == len(ways["gan_lab, memory"].train_set)
    made = {}
    for name, way in ways.items():
        batches = list(islice(data.ours(way, cpu), count))
        assert all(y.dtype == torch.int64 and images.shape == (4, 3, 8, 8) for images, y in batches)
        made[name] = torch.cat([images for images, _ in batches])
    assert torch.equal(made["gan_lab, files"], made["gan_lab, prepared"])
    assert torch.equal(made["gan_lab, files"], made["gan_lab, memory"])
    theirs = torch.cat([images for images, _ in islice(data.image_folder(cfg, 1, cpu), 7)])
    assert set(keys(theirs)) <= set(keys(made["gan_lab, prepared"])) | set(keys(held_out(ways)))
    assert made["gan_lab, prepared"].abs().max() <= 1
    flipped = (made["gan_lab, prepared"][:, 0, 0, 0] > made["gan_lab, prepared"][:, 0, 0, -1]).float().mean()
    assert 0.3 < flipped < 0.7


def held_out(ways):
    return ways["gan_lab, prepared"].held_out_set.images.float() / 127.5 - 1


def test_the_prepared_array_is_mapped_and_the_other_is_not(root, tmp_path):
    ways = data.modules(configured(root), 1, tmp_path / "scratch")
    mapped, loaded = ways["gan_lab, prepared"].train_set, ways["gan_lab, memory"].train_set
    assert type(mapped).__name__ == "Prepared"
    assert mapped.images.data_ptr() != loaded.images.data_ptr()
    assert torch.equal(mapped.images, loaded.images)


def test_drawn_images_are_as_large_as_photographs_and_lie_in_class_folders(tmp_path):
    data.draw(tmp_path / "jpeg", 100, 32)
    files = sorted((tmp_path / "jpeg").glob("*/*.jpg"))
    assert len(files) == 100
    assert data.num_classes(tmp_path / "jpeg") == 10
    assert Image.open(files[0]).size == (32, 32)
    assert 800 < sum(file.stat().st_size for file in files) / 100 < 1200  # CIFAR-10's: 921 bytes


def test_growth_adds_up_over_rounds_and_speed_is_a_median(monkeypatch):
    speeds, held = iter([0.0, 1.0, 0.0, 4.0, 0.0, 2.0]), iter([(10, 1), (11, 3), (20, 5), (21, 5), (30, 6), (31, 4)])
    monkeypatch.setattr(data, "now", lambda device: next(speeds))
    monkeypatch.setattr(data, "memory", lambda: tuple(2**20 * mib for mib in next(held)))
    batches = iter([(torch.zeros(8), None)] * 10)
    pipeline = data.Pipeline(batches)
    for _ in range(3):
        pipeline.measure(0, skip=2, device=torch.device("cpu"))
    record = pipeline.record([2.0, 2.0, 2.0])
    assert record == {"images_per_second": 4, "ratio": 2, "rounds": [8, 2, 4], "images": 24, "resident_mib": [10, 31],
                      "grown_mib": 0.0}  # fmt: skip
    assert len(list(batches)) == 10 - 3 * (2 + 1)  # the skipped do not count


def test_memory_that_no_file_can_give_back_is_counted():
    resident, anonymous = data.memory()
    assert 0 < anonymous < resident
    held = [torch.ones(2**24) for _ in range(4)]  # some systems count late, and some memory may be freed meanwhile
    assert any(data.memory()[1] - anonymous > 0.5 * 4 * held[0].nbytes or time.sleep(0.1) for _ in range(50))


def test_a_system_without_proc_has_no_figures(monkeypatch):
    monkeypatch.setattr(data, "Path", lambda _: SimpleNamespace(exists=lambda: False))
    assert data.memory() == (0, 0)


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_without_classes_is_refused(call, tmp_path, made):
    if made:
        (tmp_path / "plain").mkdir()
    with pytest.raises(SystemExit) as error:
        call(benchmark_data.main, *SMALL, "data.root=plain")
    assert "'plain' has no class folders: give data.root=FOLDER" in str(error.value)


def test_it_composes():
    cfg = compose("benchmark_data", [])
    assert (cfg.data.image_size, cfg.data.flip) == (32, True)
