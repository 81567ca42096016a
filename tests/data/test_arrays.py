import pytest
import torch

from gan_lab.data.arrays import Arrays, placed, sampled
from gan_lab.data.points import Gaussians, ring

IMAGES = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1)


def test_a_batch_is_its_samples():
    data = Arrays(IMAGES, torch.arange(5))
    images, labels = data.__getitems__([3, 0])
    for row, index in enumerate([3, 0]):
        image, label = data[index]
        assert torch.equal(image, images[row])
        assert label == labels[row] == index


def test_without_labels_there_are_none():
    assert Arrays(IMAGES)[0][1] is None
    assert Arrays(IMAGES).__getitems__([0, 1])[1] is None


@pytest.mark.parametrize("labels", [None, torch.arange(5)])
def test_small_arrays_are_put_on_a_device_with_their_labels_and_names(labels):
    data, nbytes = Arrays(IMAGES, labels, "abcde"), 5 if labels is None else 5 + 5 * 8
    near = placed(data, torch.device("meta"), nbytes)
    assert (len(near), near.classes) == (5, data.classes)
    assert all(part is None or part.is_meta for part in near.__getitems__([4, 2]))
    assert placed(data, torch.device("meta"), nbytes - 1) is data
    assert data.images.is_cpu


def test_arrays_stay_in_memory_where_another_process_has_filled_the_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * len(IMAGES) - 1, 32 * len(IMAGES)))
    assert placed(data := Arrays(IMAGES), torch.device("cuda")) is data


def test_arrays_that_make_their_samples_when_asked_stay_where_they_are():
    class Doubled(Arrays):
        def __getitems__(self, indices):
            return self.images[indices] * 2, None

    for data in (Doubled(IMAGES), [1, 2]):
        assert placed(data, torch.device("meta"), 1000) is data


def test_works_on_a_file_mapped_into_memory(tmp_path):
    file = tmp_path / "images.bin"
    file.write_bytes(bytes(range(5)))
    mapped = torch.from_file(str(file), shared=False, size=5, dtype=torch.uint8).view(5, 1, 1, 1)
    assert torch.equal(Arrays(mapped).__getitems__([4, 2])[0].flatten(), torch.tensor([4, 2], dtype=torch.uint8))


def test_sampled_is_fixed_by_its_seed():
    layout = Gaussians(ring(8), 0.02)
    first, again, other = (sampled(layout, 20, seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert len(first) == 20
