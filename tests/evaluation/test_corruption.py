import pytest
import torch
from hydra.utils import instantiate

from gan_lab.cli.compose import compose
from gan_lab.evaluation.corruption import blurred, corrupted, noisy, respond
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.features import extract
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.suite import MetricSuite

CPU = torch.device("cpu")


def sources(num=20, **more):
    data = instantiate(compose("sensitivity", []).data, batch_size=1)
    return corrupted(data, num, **({"noise": [0.1, 0.4], "blur": [1.0], "classes": [8, 2]} | more))


def test_corrupted_images_are_the_same_on_any_batch_size():
    for name, source in sources().items():
        one, other = (extract(source, Pixels(), size, CPU, lambda count: None).features for size in (7, len(source)))
        assert torch.equal(one, other), name


def test_there_is_a_row_for_each_corruption_and_only_classes_that_are_left():
    found = sources()
    assert list(found) == ["training images", "held-out images", "noise of 0.1", "noise of 0.4", "blur of 1 pixels",
                           "8 of 10 classes", "2 of 10 classes"]  # fmt: skip
    ((images, labels),) = found["2 of 10 classes"].batches(range(len(found["2 of 10 classes"])), 100)
    assert len(images) < 20
    assert set(labels.tolist()) == {0, 1}


def test_noise_has_the_standard_deviation_asked_for():
    grey = torch.full((50, 1, 8, 8), 128, dtype=torch.uint8)
    assert (noisy(0.2, grey, range(50)) / 127.5).std().item() == pytest.approx(0.2, rel=0.05)
    assert torch.equal(blurred(1.0, grey, range(50)), grey)


def test_all_are_compared_with_the_first():
    suite = MetricSuite({"frechet": Frechet()}, {"pixels": Pixels()})
    rows = respond(suite, sources(num=200, blur=[], classes=[]), 250, CPU)
    values = [row["fd_pixels"] for row in rows.values()]
    assert values[0] < 1e-9
    assert values == sorted(values)
    assert [row["images"] for row in rows.values()] == [1200, 200, 200, 200]
