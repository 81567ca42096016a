import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.data.arrays import Arrays
from gan_lab.data.folder import ImageFolder
from gan_lab.data.module import Data
from gan_lab.data.survey import SourceFacts, describe, spread


def save(folder, *images, suffix="png"):
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        image.save(folder / f"{number}.{suffix}")
    return folder


def noise(size, mode="RGB", seed=0):
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels.squeeze())


def deep(most, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, most + 1, (8, 8), dtype=np.uint16))


def data(folder, **options):
    defaults = {"channels": 3, "image_size": 8, "num_classes": None, "batch_size": 1, "seed": 0, "held_out_fraction": 0.5}
    return ImageFolder(str(folder), **defaults | options)


def lines(folder, **options):
    return describe(data(folder, **options))


def test_number_sizes_modes_and_values(tmp_path):
    save(tmp_path / "a", noise((12, 8)), noise((12, 8)))
    said = lines(tmp_path / "a")
    assert said[0].startswith("data: 1 training and 1 held-out samples of 3x8x8, values from ")
    assert said[1:] == [
        "  before: 12x8 pixels (width x height), RGB; the middle is kept, 67% of the pixels, and scaled to 8x8 by lanczos"
    ]


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"image_size": [8, 12]}, "12x8 pixels (width x height), RGB"),
        ({"image_size": [4, 6], "resize": "box"}, "RGB; scaled to 6x4 by box"),
        ({"image_size": 4, "crop": 4}, "RGB; the middle is kept, 17% of the pixels, and scaled to 4x4 by lanczos"),
    ],
)
def test_what_is_cropped_and_how_it_is_scaled(tmp_path, options, end):
    assert lines(save(tmp_path / "a", noise((12, 8)), noise((12, 8))), **options)[1].endswith(end)


def test_several_sizes_and_modes(tmp_path):
    save(tmp_path / "a", *[noise((8, 8), "L"), noise((8, 8)), noise((16, 8), "L"), noise((10, 20))] * 3)
    assert lines(tmp_path / "a", held_out_root=str(tmp_path / "a"))[1] == (
        "  before: 8x8 to 10x20 pixels (width x height), 6 L, 6 RGB; the middle is kept, at least 50% of the pixels, and "
        "scaled to 8x8 by lanczos"
    )


def test_files_that_are_no_images_are_counted_once(tmp_path):
    save(tmp_path / "a", noise((8, 8)), noise((8, 8)))
    for name in ("a.txt", "b.txt", "c.heic", "README"):
        (tmp_path / "a" / name).write_text("")
    root = tmp_path / "a"
    assert f"  left out 4 files without an image (.heic, .txt, no suffix), such as {root / 'README'}" in lines(root)
    assert len([line for line in lines(root, held_out_root=str(root)) if "without an image" in line]) == 1


def test_classes_are_named(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / name, noise((8, 8)), noise((8, 8)))
    found = data(tmp_path, num_classes=2)
    assert "  classes: 0 cat, 1 dog" in describe(found, found.class_names)
    assert "  classes: 0 a, 1 b, 2 c, 3 d, 4 e, 5 f, 6 g, 7 h, 8 i, 9 j, ... (11 in all)" in describe(
        found, list("abcdefghijk")
    )


@pytest.mark.parametrize(("most", "range_"), [(4095, "[0,4095]"), (1023, "[0,1023]"), (1500, "[0,2047]")])
def test_a_set_that_uses_a_small_part_of_16_bits_is_pointed_out_with_the_option_that_mends_it(tmp_path, most, range_):
    """12 bits in 16-bit files would train as nearly black images."""
    save(tmp_path / "a", *(deep(most, seed) for seed in range(4)))
    (warning,) = [line for line in lines(tmp_path / "a") if "WARNING" in line]
    assert f"of 255 only: look at samples/reals.png, and if all are like these, give data.value_range={range_}" in warning
    limits = [int(limit) for limit in range_[1:-1].split(",")]
    assert not any("WARNING" in line for line in lines(tmp_path / "a", value_range=limits))
    assert data(tmp_path / "a", value_range=limits).survey.samples.max() > 180


def test_8_bits_are_pointed_out_too_and_full_ranges_are_not(tmp_path):
    labels = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % 3)
    assert "give data.value_range=[0,3]" in lines(save(tmp_path / "a", labels, labels))[-1]
    for image in (noise((8, 8)), deep(65535), deep(32767)):
        assert not any("WARNING" in line for line in lines(save(tmp_path / "b", image, image)))


def test_data_that_have_no_such_option_are_only_pointed_out():
    dark = Arrays(torch.randint(20, (9, 1, 4, 4), dtype=torch.uint8))
    options = {"channels": 1, "image_size": 4, "num_classes": None, "batch_size": 1, "seed": 0}
    assert describe(Data(lambda: dark, lambda: dark, **options))[-1].endswith("of 255 only: look at samples/reals.png")


def test_large_files_are_pointed_out(tmp_path):
    save(tmp_path / "a", *[Image.effect_noise((1250, 800), 90)] * 2)
    assert "python -m gan_lab.prepare decodes them once" in lines(tmp_path / "a")[-1]
    assert not any("prepare" in line for line in lines(tmp_path / "a", image_size=400))


def test_points_have_values_alone():
    points = Arrays(torch.linspace(-1, 1, 2000).view(-1, 2, 1, 1))
    options = {"channels": 2, "image_size": 1, "num_classes": None, "batch_size": 1, "seed": 0}
    assert describe(Data(lambda: points, lambda: points, **options)) == [
        "data: 1,000 training and 1,000 held-out samples of 2x1x1, values from -1 to 0.998 in 500 of them"
    ]


def test_a_broken_deep_image_does_not_stop_the_survey(tmp_path):
    save(tmp_path / "a", *(deep(65535, seed) for seed in range(3)))
    path = tmp_path / "a/0.png"
    path.write_bytes(path.read_bytes()[:-40])
    found = data(tmp_path / "a", held_out_root=str(tmp_path / "a"))
    assert found.train_set.source.looked_at == 3
    assert found.survey.samples.shape == (3, 3, 8, 8)


def test_numbers_are_spread():
    assert spread(10, 64) == list(range(10))
    assert spread(1000, 64) == list(range(0, 1000, 16))
    assert spread(0, 64) == []
    assert SourceFacts.of([]).sizes == []
