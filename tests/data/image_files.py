"""Image files as tests of folders and zip files write them."""

import io
import zipfile

import pytest
from PIL import Image

from gan_lab.data.decode import decode
from gan_lab.errors import InputError


def encoded(image=None, kind="PNG", **options):
    file = io.BytesIO()
    (image or Image.new("RGB", (8, 8), "red")).save(file, kind, **options)
    return file.getvalue()


def write(path, data=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded() if data is None else data)
    return path


def pack(path, entries):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return path


def sentence(function, *args, **kwargs):
    with pytest.raises(InputError) as error:
        function(*args, **kwargs)
    return str(error.value)


def to_8(file):
    return decode(file, 3, (8, 8))
