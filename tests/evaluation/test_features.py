import json
import multiprocessing
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lab.data.digits import digits
from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation import features
from gan_lab.evaluation.extractor.digits8 import Digits8
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.features import cached, read_statistics, write_statistics
from gan_lab.evaluation.moments import Moments, frechet_distance
from gan_lab.rng import make_generator
from tests.evaluation.cases import Eyes, normal

CPU, SHAPE = torch.device("cpu"), (1, 2, 3)


class Images:
    """Random images, with labels, whose fingerprint is their seed."""

    def __init__(self, n=23, seed=0, labels=True):
        g = make_generator(seed)
        self.shape = SHAPE
        self.images = torch.randint(256, (n, *SHAPE), dtype=torch.uint8, generator=g)
        self.labels = torch.randint(4, (n,), generator=g) if labels else None
        self.fingerprint = {"seed": seed, "n": n}

    def __len__(self):
        return len(self.images)

    def batches(self, indices, size):
        for start in range(0, len(indices), size):
            rows = list(indices[start : start + size])
            yield self.images[rows], None if self.labels is None else self.labels[rows]


def extracted(source, extractor=None, size=5, reader=features.extract):
    return reader(source, extractor or Eyes(num_classes=2), size, CPU, lambda count: None)


def unit(source):
    return to_unit(source.images).flatten(1)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("GAN_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "reals"


def files(cache):
    return sorted(path.name for path in cache.glob("*.npz"))


# ----- images -> features ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 100])
def test_features_logits_and_labels_come_in_order_whatever_the_size_of_a_batch(size):
    source, told = Images(), []
    found = features.extract(source, Eyes(num_classes=2), size, CPU, told.append)
    assert torch.equal(found.features, unit(source))
    assert torch.equal(found.logits, unit(source)[:, :2])
    assert torch.equal(found.labels, source.labels)
    assert found.source is source
    assert sum(told) == 23
    assert max(told) == min(size, 23)


def test_an_extractor_without_classes_and_images_without_labels():
    found = extracted(Images(labels=False), Pixels())
    assert found.logits is found.labels is None


def test_each_image_is_seen_once():
    eyes = Eyes()
    extracted(Images(), eyes)
    assert eyes.seen == [5, 5, 5, 5, 3]


def test_of_many_images_the_first_are_kept_beside_the_moments_of_all(monkeypatch):
    monkeypatch.setattr(features, "KEPT", 12)
    found, whole = extracted(Images()), Moments.of(unit(Images()))
    assert torch.equal(found.features, unit(Images())[:12])
    assert (len(found.logits), len(found.labels), found.moments.n) == (12, 12, 23)
    assert torch.allclose(found.moments.covariance, whole.covariance, rtol=1e-12, atol=1e-12)
    assert torch.allclose(found.moments.mean, whole.mean)


def test_no_image():
    with pytest.raises(InputError, match="there is no image to judge"):
        features.extract(Images(0), Eyes(), 5, CPU, lambda count: None)


class Precise(Pixels):
    """Features that float32 cannot hold."""

    def __call__(self, images):
        return images.double() / 3, images.double() / 7


def test_nothing_is_rounded():
    collector = features.FeatureCollector(Precise(), CPU)
    collector.add(Images().images)
    found = collector.result()
    assert torch.equal(found.features, Images().images.flatten(1).double() / 3)
    assert found.logits.dtype == torch.float64


def test_moments_beyond_those_kept_are_of_all_batches_however_they_fall(monkeypatch):
    monkeypatch.setattr(features, "KEPT", 12)
    whole = Moments.of(unit(Images()))
    for size in (1, 5, 12, 13, 23):
        found = extracted(Images(), size=size)
        assert torch.equal(found.features, unit(Images())[:12])
        assert torch.allclose(found.moments.covariance, whole.covariance, rtol=1e-12, atol=1e-14)


def test_a_metric_may_take_gradients_of_features_made_in_inference_mode():
    with torch.inference_mode():
        found = extracted(Images())
    scale = torch.ones((), requires_grad=True)
    (found.features * scale).square().sum().backward()
    assert scale.grad > 0


def test_the_global_random_state_stays():
    torch.rand(1)
    state = torch.get_rng_state()
    extracted(Images())
    assert torch.equal(torch.get_rng_state(), state)


def join(rank, folder):
    """Become one of two processes that meet in this folder."""
    torch.set_num_threads(1)
    store, minute = f"file://{folder}/store", timedelta(minutes=1)
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2, timeout=minute)


def share(rank, folder, kept):
    """One of two processes, with batches of its own size."""
    features.KEPT = kept
    join(rank, folder)
    found = extracted(Images(), size=3 + 4 * rank)
    torch.save([found.features, found.logits, found.labels, found.moments.mean, found.moments.covariance], f"{folder}/{rank}")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("kept", [50_000, 11], ids=["all_kept", "some_kept"])
def test_two_processes_come_to_what_one_does(tmp_path, monkeypatch, kept):
    torch.multiprocessing.start_processes(share, (tmp_path, kept), nprocs=2, start_method="fork")
    monkeypatch.setattr(features, "KEPT", kept)
    one = extracted(Images())
    for rank in range(2):
        found, logits, labels, mean, covariance = torch.load(tmp_path / str(rank), weights_only=True)
        assert torch.equal(found, one.features)
        assert torch.equal(logits, one.logits)
        assert torch.equal(labels, one.labels)
        assert torch.allclose(mean, one.moments.mean, rtol=1e-12, atol=1e-14)
        assert torch.allclose(covariance, one.moments.covariance, rtol=1e-12, atol=1e-14)


# ----- the cache ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [50_000, 12], ids=["all_kept", "some_kept"])
def test_the_second_time_it_is_read_and_equal(cache, monkeypatch, kept):
    monkeypatch.setattr(features, "KEPT", kept)
    fresh, eyes, told = extracted(Images(), reader=cached), Eyes(num_classes=2), []
    read = cached(Images(), eyes, 5, CPU, told.append)
    assert eyes.seen == []
    assert told == [23]
    for name in ("features", "logits", "labels"):
        assert torch.equal(getattr(read, name), getattr(fresh, name))
    assert torch.equal(read.moments.covariance, fresh.moments.covariance)
    assert read.moments.n == fresh.moments.n == 23
    assert read.source is not None


def test_what_is_not_there_is_not_kept(cache):
    extracted(Images(labels=False), Eyes(), reader=cached)
    read = extracted(Images(labels=False), Eyes(), reader=cached)
    assert read.logits is read.labels is None


OTHERS = {"extractor": {"name": "other"}, "weights": {"weights_sha256": "f00"}, "resize": {"resize": "bicubic"}}
"""What makes another protocol of an extractor."""


def with_other(extractor, what):
    """An extractor of a subclass, with another class attribute."""
    return type("Changed", (type(extractor),), OTHERS[what])()


@pytest.mark.parametrize(
    ("source", "extractor"),
    [(Images(seed=1), Eyes()), (Images(n=22), Eyes()), *((Images(), with_other(Eyes(), what)) for what in OTHERS)],
    ids=["images", "number", *OTHERS],
)
def test_another_protocol_is_another_file(cache, source, extractor):
    extracted(Images(), Eyes(), reader=cached)
    extracted(source, extractor, reader=cached)
    assert sum(extractor.seen) == len(source)
    assert len(files(cache)) == 2


@pytest.mark.parametrize("constant", ["KEPT", "QUANTISER", "__version__"])
def test_another_version_of_the_code_is_another_file(cache, monkeypatch, constant):
    extracted(Images(), reader=cached)
    monkeypatch.setattr(features, constant, 12 if constant == "KEPT" else "other")
    extracted(Images(), reader=cached)
    assert len(files(cache)) == 2


def test_samples_are_not_kept(cache):
    source, eyes = Images(), Eyes()
    source.fingerprint = None
    for _ in range(2):
        extracted(source, eyes, reader=cached)
    assert sum(eyes.seen) == 46
    assert not cache.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "without_features", "a_bit"])
def test_a_damaged_file_is_made_again(cache, damage):
    fresh = extracted(Images(), reader=cached)
    path = cache / files(cache)[0]
    content = bytearray(path.read_bytes())
    if damage == "without_features":
        np.savez(path, mu=0, n=3)
    elif damage == "a_bit":
        content[content.index(fresh.features.numpy().tobytes()) + 9] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"no zip"}[damage])
    eyes = Eyes(num_classes=2)
    again = extracted(Images(), eyes, reader=cached)
    assert sum(eyes.seen) == 23
    assert torch.equal(again.features, fresh.features)
    mended = Eyes(num_classes=2)
    extracted(Images(), mended, reader=cached)
    assert mended.seen == []
    assert len(files(cache)) == 1


def test_a_failure_leaves_no_file(cache, monkeypatch):
    def full(path, **arrays):
        Path(path).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        extracted(Images(), reader=cached)
    assert files(cache) == []


class Slow(Eyes):
    """Takes so long that processes meet."""

    def __call__(self, images):
        time.sleep(0.05)
        return super().__call__(images)


def one_of_several(folder, number):
    """A process that asks for the same reals."""
    torch.set_num_threads(1)
    eyes = Slow(num_classes=2)
    found = extracted(Images(), eyes, reader=cached)
    (folder / f"{number}.json").write_text(json.dumps([sum(eyes.seen), found.features.sum().item()]))


def test_several_processes_at_once_make_one_file(cache, tmp_path):
    context = multiprocessing.get_context("fork")
    several = [context.Process(target=one_of_several, args=(tmp_path, number)) for number in range(4)]
    for process in several:
        process.start()
    for process in several:
        process.join(60)
    assert [process.exitcode for process in several] == [0] * 4
    seen, sums = zip(*(json.loads((tmp_path / f"{number}.json").read_text()) for number in range(4)), strict=True)
    assert sorted(seen) == [0, 0, 0, 23]
    assert set(sums) == {unit(Images()).sum().item()}
    assert len(files(cache)) == 1


def one_of_two(rank, folder):
    """One of two processes that judge together, twice."""
    join(rank, folder)
    eyes, seen, told = Eyes(num_classes=2), [], []
    for _ in range(2):
        found = cached(Images(), eyes, 5, CPU, told.append)
        seen.append(sum(eyes.seen))
    torch.save([seen, sum(told), found.features, found.labels], f"{folder}/{rank}")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("before", "seen"),
    [("nothing", [[12, 12], [11, 11]]), ("a_file", [[0, 0], [0, 0]]), ("a_broken_file", [[12, 12], [11, 11]])],
)
def test_processes_that_judge_together_share_the_work_and_the_file(cache, tmp_path, before, seen):
    if before != "nothing":
        extracted(Images(), reader=cached)
    if before == "a_broken_file":
        (cache / files(cache)[0]).write_bytes(b"no zip")
    torch.multiprocessing.start_processes(one_of_two, (tmp_path,), nprocs=2, start_method="fork")
    for rank in range(2):
        asked, told, features, labels = torch.load(tmp_path / str(rank), weights_only=True)
        assert asked == seen[rank]
        assert told in (23, 24)  # each tells of half of the images, twice
        assert torch.equal(features, unit(Images()))
        assert torch.equal(labels, Images().labels)
    assert len(files(cache)) == 1


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_LAB_CACHE", str(tmp_path))
    assert features.cache_folder() == tmp_path
    monkeypatch.setenv("GAN_LAB_CACHE", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert features.cache_folder() == Path("/home/somebody/.cache/gan_lab")


def test_no_test_uses_the_cache_of_the_user():
    assert not features.cache_folder().is_relative_to(Path("~").expanduser() / ".cache")


# ----- files of statistics --------------------------------------------------------------------------------------------


class Four(Eyes):
    num_features = 4


MOMENTS = Moments.of(normal(30, 4))


@pytest.fixture
def written(tmp_path):
    def write(key=None, **changed):
        path = tmp_path / "stats.npz"
        write_statistics(path, MOMENTS, key)
        with np.load(path) as arrays:
            kept = dict(arrays) | changed
        np.savez(path, **{name: array for name, array in kept.items() if array is not None})
        return path

    return write


def protocol_of(extractor):
    return features.protocol(Images(), extractor)


def test_statistics_come_back_bit_for_bit(written):
    found = read_statistics(written(protocol_of(Four())), Four(), CPU, SHAPE)
    assert torch.equal(found.moments.mean, MOMENTS.mean)
    assert torch.equal(found.moments.covariance, MOMENTS.covariance)
    assert (found.moments.n, len(found)) == (30, 0)
    x = Moments.of(normal(50, 4, seed=1))
    assert frechet_distance(x, found.moments) == frechet_distance(x, MOMENTS)


def test_other_tools_read_them_without_pickle_and_nothing_else_is_left(written, tmp_path):
    with np.load(written(), allow_pickle=False) as arrays:
        assert arrays["mu"].dtype == arrays["sigma"].dtype == np.float64
        assert (arrays["mu"].shape, arrays["sigma"].shape) == ((4,), (4, 4))
    assert [path.name for path in tmp_path.iterdir()] == ["stats.npz"]


def test_statistics_of_other_tools_tell_neither_number_nor_protocol(tmp_path):
    np.savez(tmp_path / "other.npz", mu=np.zeros(4, np.float32), sigma=np.eye(4, dtype=np.float32))
    found = read_statistics(tmp_path / "other.npz", Four(), CPU, SHAPE).moments
    assert (found.n, found.mean.dtype, found.covariance.dtype) == (0, torch.float64, torch.float64)


def test_pixels_take_statistics_of_any_size(written):
    assert read_statistics(written(), Pixels(), CPU, (1, 2, 2)).moments.n == 30


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("extractor", "was made with extractor=other, not eyes: use the same protocol for both"),
        ("weights", "was made with weights_sha256=f00, not none: use the same protocol for both"),
        ("resize", "was made with resize=bicubic, not none: use the same protocol for both"),
    ],
)
def test_statistics_of_another_protocol(written, what, sentence):
    with pytest.raises(InputError, match=rf"stats.npz' {sentence}"):
        read_statistics(written(protocol_of(with_other(Four(), what))), Four(), CPU, SHAPE)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"mu": np.zeros(3), "sigma": np.eye(3)},
            "holds statistics of 3 features, and eyes makes 4: choose the one that",
        ),
        ({"sigma": np.eye(3)}, r"holds mu of \(4,\) and sigma of \(3, 3\): \(d,\) and \(d, d\) are asked for"),
        ({"mu": np.zeros((4, 1))}, r"holds mu of \(4, 1\) and sigma of \(4, 4\)"),
        ({"mu": np.float64(0)}, r"holds mu of \(\) and"),
        ({"sigma": None}, "holds no statistics: an .npz with mu and sigma is asked for"),
        ({"mu": np.array(["a"])}, "holds no statistics"),
        ({"mu": np.array([print])}, "holds no statistics"),  # a pickle
        ({"sigma": np.eye(4) * 1j}, "holds no statistics"),
        ({"mu": np.array([0, 1, np.nan, 0])}, "holds statistics with values that are no finite number"),
        ({"sigma": np.diag([1, 1, 1, np.inf])}, "holds statistics with values that are no finite number"),
        ({"sigma": np.triu(np.ones((4, 4)))}, "holds statistics with a sigma that is not symmetric"),
        ({"sigma": np.diag([1.0, 1, 1, -1])}, "holds statistics with a sigma of negative variances"),
        ({"sigma": -np.eye(4)}, "holds statistics with a sigma of negative variances"),
        ({"protocol": np.str_("no json")}, "holds no statistics"),
        ({"protocol": np.str_("[1]")}, "holds no statistics"),
    ],
)
def test_statistics_that_do_not_fit(written, changed, sentence):
    with pytest.raises(InputError, match=rf"stats.npz' {sentence}"):
        read_statistics(written(**changed), Four(), CPU, SHAPE)


def test_statistics_that_were_rounded_to_float32_are_some(written):
    few = normal(3, 4)  # a singular covariance
    rounded = written(sigma=Moments.of(few).covariance.numpy().astype(np.float32), mu=few.mean(0).numpy())
    assert read_statistics(rounded, Four(), CPU, SHAPE).moments.mean.dtype == torch.float64


def test_statistics_of_images_of_another_size(written):
    with pytest.raises(InputError, match=r"stats.npz' is of images of 1x2x3, and 1x4x4 are to be judged"):
        read_statistics(written(protocol_of(Four())), Four(), CPU, (1, 4, 4))


@pytest.mark.parametrize("content", [b"", b"no zip", None], ids=["empty", "text", "cut"])
def test_a_broken_file_of_statistics(written, content):
    path = written()
    path.write_bytes(path.read_bytes()[:200] if content is None else content)
    with pytest.raises(InputError, match=r"stats.npz' holds no statistics: an .npz with mu and sigma is asked for"):
        read_statistics(path, Four(), CPU, SHAPE)


# ----- real digits ----------------------------------------------------------------------------------------------------


class Digits:
    """Digits that something was done to."""

    fingerprint = None

    def __init__(self, split, change=lambda images, labels: images):
        found = digits(split)
        self.images = change(found.images, found.labels)

    def __len__(self):
        return len(self.images)

    def batches(self, indices, size):
        for rows in torch.tensor(list(indices)).split(size):
            yield self.images[rows], None


def noisy(amount):
    def change(images, labels):
        draws = torch.randn(images.shape, generator=make_generator(0))
        return to_uint8(to_unit(images) + amount * draws)

    return change


def of_classes(number):
    def change(images, labels):
        return images[labels < number].repeat(12, 1, 1, 1)[: len(images)]

    return change


@pytest.fixture(scope="module")
def distance():
    """The distance of changed held-out digits to the training digits."""
    eyes = Digits8()
    train = extracted(Digits("train"), eyes, 250).moments

    def to_train(change=lambda images, labels: images, split="held_out"):
        return frechet_distance(extracted(Digits(split, change), eyes, 250).moments, train)

    return to_train


def test_training_digits_are_nowhere_but_at_themselves(distance):
    assert distance(split="train") < 1e-6


@pytest.mark.parametrize("change", [lambda step: noisy([0, 0.1, 0.3][step]), lambda step: of_classes([10, 5, 1][step])],
                         ids=["noise", "classes_dropped"])  # fmt: skip
def test_what_is_worse_is_farther_from_real_digits(distance, change):
    found = [distance(change(step)) for step in range(3)]
    assert found[0] == pytest.approx(distance(), rel=1e-9)
    assert found[1] > 1.3 * found[0]
    assert found[2] > 1.3 * found[1]


def test_the_value_of_held_out_digits_is_that_of_the_extractor_that_is_shipped(distance):
    assert distance() == pytest.approx(0.497008, rel=1e-4)
