import torch
from safetensors.torch import save_file
from torch import nn

from gan_lab.export import loader


def test_every_type_is_read_as_the_official_package_wrote_it(tmp_path):
    tensors = {f"{dtype}": torch.arange(6).view(2, 3).to(dtype) for dtype in loader.DTYPES.values()}
    tensors |= {"scalar": torch.tensor(3.5), "empty": torch.zeros(0)}
    save_file(tensors, tmp_path / "file.safetensors", {"key": "é"})
    metadata, read = loader.read(tmp_path / "file.safetensors")
    assert metadata == {"key": "é"}
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], value) and read[name].dtype == value.dtype for name, value in tensors.items())


def test_a_description_makes_objects_within_objects():
    inner = {"class": "Linear", "arguments": {"in_features": 2, "out_features": 3}}
    made = loader.made({"class": "Spectral", "arguments": {"module": inner}}, {"Linear": nn.Linear, "Spectral": Wrapped})
    assert (made.module.in_features, made.module.out_features) == (2, 3)


class Wrapped:
    def __init__(self, module):
        self.module = module
