import base64
import io

import pytest
from PIL import Image

from gan_lab.errors import InputError
from gan_lab.report.pictures import MOST_BYTES, MOST_PIXELS, embed, evenly
from tests.report.folders import draw


def content(picture):
    return base64.b64decode(picture.uri.partition("base64,")[2])


def test_a_small_picture_is_embedded_byte_for_byte(tmp_path):
    draw(tmp_path / "a.png")
    picture = embed(tmp_path / "a.png")
    assert picture.uri.startswith("data:image/png;base64,")
    assert content(picture) == (tmp_path / "a.png").read_bytes()
    assert (picture.width, picture.height) == (16, 16)


@pytest.mark.parametrize("mode", [*(pytest.param(m, marks=pytest.mark.slow) for m in ("RGB", "L")), "P", "RGBA"])
def test_a_large_picture_becomes_a_smaller_webp(tmp_path, mode):
    draw(tmp_path / "noise.png", side=1000)
    Image.open(tmp_path / "noise.png").convert(mode).save(tmp_path / "large.png")
    size = (tmp_path / "large.png").stat().st_size
    picture = embed(tmp_path / "large.png")
    image = Image.open(io.BytesIO(content(picture)))
    assert size > MOST_BYTES
    assert (image.format, max(image.size)) == ("WEBP", MOST_PIXELS)
    assert image.size == (picture.width, picture.height)
    assert len(content(picture)) < size


def test_a_picture_that_is_not_whole_is_refused(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "a.png").read_bytes()[:300])
    with pytest.raises(InputError, match=r"half.png cannot be read: .*truncated"):
        embed(tmp_path / "half.png")


@pytest.mark.parametrize(
    ("n", "expected"), [(0, []), (1, [10]), (2, [0, 10]), (3, [0, 5, 10]), (11, [*range(11)]), (50, [*range(11)])]
)
def test_the_first_and_the_last_are_among_those_chosen(n, expected):
    assert evenly(range(11), n) == expected
