"""The authors' code is not here: a checkout of stand-ins with its names."""

import json
import sys

import pytest
import torch
from torch.backends.cuda import matmul
from torch.utils import cpp_extension

from gan_lab.benchmark import r3gan_authors

CHECKOUT = {
    "training/networks.py": """
import pkg_resources
from torch import nn
class Generator(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.layer = nn.Linear(options["NoiseDimension"] + options["c_dim"], 3 * options["img_resolution"] ** 2)
        self.register_buffer("kernel", self.layer.bias.detach().clone())
class Discriminator(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.layer = nn.Linear(3 * options["img_resolution"] ** 2 + options["c_dim"], options["WidthPerStage"][0])
""",
    "training/augment.py": """
import torch
class AugmentPipe(torch.nn.Module):
    def __init__(self, xflip, hue, **others):
        super().__init__()
        assert (xflip, hue, len(others)) == (1, 0.5, 11)
        self.register_buffer("p", torch.ones([]))
""",
    "training/loss.py": """
import torch
class R3GANLoss:
    def __init__(self, g, d, augment):
        self.g, self.d, self.augment = g, d, augment
    def accumulate_gradients(self, phase, real_img, real_c, gen_z, gamma, gain):
        print(phase, *(net.layer.weight.requires_grad for net in (self.g, self.d)), float(self.augment.p), len(real_img))
        fake = self.g.layer(torch.cat([gen_z, real_c], 1))
        logits = [self.d.layer(torch.cat([x.flatten(1), real_c], 1)) for x in (fake, real_img)]
        (logits[0] - logits[1]).square().mean().backward()
""",
    "torch_utils/misc.py": "import torch\ndef constant(value, device): return torch.tensor(value, device=device)\n",
    "torch_utils/ops/conv2d_gradfix.py": "enabled = None\n",
    "torch_utils/ops/grid_sample_gradfix.py": "enabled = None\n",
}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with their modules, which are forgotten afterwards."""
    for name, text in CHECKOUT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    before, flags = set(sys.modules), (torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, matmul.allow_tf32)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(cpp_extension, "load", lambda name, **options: f"module {name}")
    yield str(tmp_path)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, matmul.allow_tf32 = flags
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_it_takes_their_steps_and_says_how_many_images_they_took(checkout, monkeypatch, capsys):
    monkeypatch.setenv("EACH", "0")
    monkeypatch.setenv("WIDTH", "8")
    r3gan_authors.main([checkout, "2", "3"])
    *phases, last = capsys.readouterr().out.splitlines()
    assert phases[:2] == ["D False True 0.0 2", "G True False 0.0 2"]
    assert phases.pop(8).startswith('{"batch": 2')
    assert len(phases) == 16
    found = json.loads(last)
    assert found["images_per_second"] > 0
    assert (found["batch"], found["steps"], found["peak_gib"]) == (3, 1, None)


def test_an_operation_that_was_compiled_is_found_by_its_name(checkout):
    r3gan_authors.find(checkout)
    assert cpp_extension.load("one_plugin", sources=[]) == sys.modules["one_plugin"] == "module one_plugin"
