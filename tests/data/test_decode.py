import io

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.data.decode import decode


def encoded(image=None, kind="PNG", **options):
    file = io.BytesIO()
    (image or Image.new("RGB", (8, 8), "red")).save(file, kind, **options)
    return file.getvalue()


def read(data, channels=3, image_size=4, crop=None):
    return decode(io.BytesIO(data), channels, image_size, crop)


def colour(data, channels=3):
    image = read(data, channels)
    assert image.shape == (channels, 4, 4)
    assert image.dtype == torch.uint8
    return image[:, 2, 2].tolist()


def test_grey_and_colour():
    data = encoded(Image.new("L", (4, 4), 77))
    assert colour(data, 1) == [77]
    assert colour(data, 3) == [77, 77, 77]
    assert colour(encoded(Image.new("RGB", (4, 4), "red")), 1) == [76]  # ITU-R 601: 0.299 * 255


def test_palette():
    assert colour(encoded(Image.new("RGB", (4, 4), (10, 200, 30)).quantize(8))) == [10, 200, 30]


@pytest.mark.parametrize("mode, value", [("RGBA", (255, 0, 0, 0)), ("LA", (0, 0))])
def test_what_is_transparent_shows_white(mode, value):
    assert colour(encoded(Image.new(mode, (4, 4), value))) == [255, 255, 255]


def test_what_is_half_transparent_is_mixed():
    assert colour(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 128)))) == [255, 127, 127]


def test_a_transparent_palette_entry_shows_white():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 9, 9, 9])
    assert colour(encoded(image, transparency=1)) == [255, 255, 255]


@pytest.mark.parametrize("kind, near", [("TIFF", 0), ("JPEG", 3)])
def test_cmyk(kind, near):
    red, green, blue = colour(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), kind))
    assert red >= 255 - near
    assert max(green, blue) <= near


@pytest.mark.parametrize("value, level", [(0, 0), (128, 0), (129, 1), (32896, 128), (65535, 255)])
def test_16_bits_are_scaled_not_clipped(value, level):
    data = encoded(Image.fromarray(np.full((4, 4), value, np.uint16)))
    assert colour(data, 1) == [level]
    assert colour(data, 3) == [level] * 3


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_taken(kind):
    first, second = (Image.new("RGB", (4, 4), name) for name in ("red", "blue"))
    red, _, blue = colour(encoded(first, kind, save_all=True, append_images=[second]))
    assert red > 250
    assert blue < 5


def test_a_photo_is_turned_upright():
    image = Image.new("L", (4, 4))
    image.paste(255, (0, 0, 4, 2))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    upright = read(encoded(image, exif=exif), 1)
    assert upright[0, 0].tolist() == [0] * 4
    assert upright[0, 3].tolist() == [255] * 4


@pytest.mark.parametrize("size", [(30, 10), (10, 30)])
def test_the_middle_of_the_long_side_is_kept(size):
    image = Image.new("RGB", size, "blue")
    image.paste("red", ((size[0] - 10) // 2, (size[1] - 10) // 2, (size[0] + 10) // 2, (size[1] + 10) // 2))
    assert torch.equal(read(encoded(image), 3, 10), read(encoded(Image.new("RGB", (10, 10), "red")), 3, 10))


def test_the_crop_is_the_middle_square_of_the_original_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    image = read(encoded(Image.fromarray(pixels)), 3, 178, crop=178)
    assert np.array_equal(image.permute(1, 2, 0), pixels[20:198])
    small = read(encoded(Image.fromarray(pixels)), 3, 100, crop=100)
    assert np.array_equal(small.permute(1, 2, 0), pixels[59:159, 39:139])


def test_an_image_smaller_than_the_crop_gives_its_largest_square():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 3), dtype=np.uint8)
    image = read(encoded(Image.fromarray(pixels)), 3, 8, crop=100)
    assert np.array_equal(image.permute(1, 2, 0), pixels[2:10])


def test_an_image_of_the_right_size_is_left_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(read(encoded(Image.fromarray(pixels)), 3, 16).permute(1, 2, 0), pixels)


def test_scaling_down_does_not_alias():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    assert (read(encoded(Image.fromarray(stripes)), 1, 8).float() - 127.5).abs().max() < 8
