import io

import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError

from gan_lab.data import decode as decode_file
from gan_lab.data.decode import Unreadable, decode


def encoded(image=None, kind="PNG", **options):
    file = io.BytesIO()
    (image or Image.new("RGB", (8, 8), "red")).save(file, kind, **options)
    return file.getvalue()


def read(data, channels=3, image_size=4, crop=None):
    return decode(io.BytesIO(data), channels, (image_size, image_size), crop)


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


# ----- what an option decides --------------------------------------------------------------------------------------------


def test_four_channels_keep_alpha():
    image = decode(io.BytesIO(encoded(Image.new("RGBA", (4, 4), (9, 8, 7, 100)))), 4)
    assert image[:, 0, 0].tolist() == [9, 8, 7, 100]
    assert decode(io.BytesIO(encoded(Image.new("L", (4, 4), 50))), 4)[:, 0, 0].tolist() == [50, 50, 50, 255]


@pytest.mark.parametrize("dtype, values, span, levels", [
    (np.uint16, [0, 2048, 4095, 5000], [0, 4095], [0, 128, 255, 255]),
    (np.uint8, [0, 3, 6, 255], [0, 6], [0, 128, 255, 255]),
    (np.float32, [-2, 0, 2, np.nan], [-2, 2], [0, 128, 255, 128]),
], ids=["12_bits", "8_bits", "floats"])  # fmt: skip
def test_a_range_of_values_becomes_black_to_white(dtype, values, span, levels):
    image = Image.fromarray(np.array([values], dtype))
    found = decode(io.BytesIO(encoded(image, "TIFF")), 1, value_range=span)
    assert found[0, 0].tolist() == levels


def test_a_range_leaves_alpha_as_it_is_and_reaches_what_lies_on_white():
    data = encoded(Image.new("RGBA", (2, 2), (10, 20, 40, 60)))
    assert decode(io.BytesIO(data), 4, value_range=[0, 40])[:, 0, 0].tolist() == [64, 128, 255, 60]
    clear = encoded(Image.new("RGBA", (2, 2), (10, 20, 40, 0)))
    assert decode(io.BytesIO(clear), 3, value_range=[0, 40])[:, 0, 0].tolist() == [255] * 3


@pytest.mark.parametrize("name", decode_file.FILTERS)
def test_the_filter_is_pils(name):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8))
    found = decode(io.BytesIO(encoded(image)), 3, (8, 8), resize=name).permute(1, 2, 0)
    expected = image.resize((8, 8), Image.Resampling[name.upper()])
    assert np.array_equal(found, expected)
    others = [other for other in decode_file.FILTERS if other != name]
    assert all(not np.array_equal(found, image.resize((8, 8), Image.Resampling[other.upper()])) for other in others)


def test_a_size_may_be_a_height_and_a_width():
    image = Image.new("RGB", (40, 10), "blue")
    image.paste("red", (15, 0, 25, 10))
    found = decode(io.BytesIO(encoded(image)), 3, (10, 20))
    assert found.shape == (3, 10, 20)
    assert found[0].float().mean() == 127.5  # half of the 20 columns in the middle is red
    assert decode(io.BytesIO(encoded(image)), 3).shape == (3, 10, 40)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("largest", [99, 40])
def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch, largest):
    monkeypatch.setattr(decode_file, "MOST_PIXELS", 99)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", largest)  # PIL itself refuses twice as many
    with pytest.raises(Unreadable, match="has more than 100 megapixels: scale it down or remove it"):
        read(encoded(Image.new("L", (10, 10))))


def test_floats_need_a_range():
    with pytest.raises(Unreadable, match=r"give data.value_range=\[LOW,HIGH\]"):
        read(encoded(Image.new("F", (4, 4)), "TIFF"))


def test_a_program_in_postscript_is_no_image_whatever_its_name():
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    with pytest.raises(UnidentifiedImageError):
        decode(io.BytesIO(program), 3)
