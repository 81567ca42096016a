import json
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

from gan_lab.errors import InputError
from gan_lab.export.format import safetensors
from gan_lab.export.generator import exported
from tests.export.trained import NETWORKS, gan_of, inputs, of_network

LABELLED = ["cgan", "projection", "ccgan"]
ALONE = """
import sys
sys.modules["gan_lab"] = None  # importing it fails
import json, torch
from network import load
assert not {"hydra", "lightning", "safetensors"} & set(sys.modules)
generator, contract = load("generator.safetensors")
with torch.no_grad():
    torch.save(generator(**torch.load("inputs.pt")), "images.pt")
print(json.dumps(contract))
"""


def alone(folder, given):
    """Images and contract of a process that has no gan_lab."""
    torch.save(given, folder / "inputs.pt")
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=folder, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return torch.load(folder / "images.pt"), json.loads(done.stdout)


@pytest.mark.parametrize(
    ("model", "network"),
    [
        pytest.param("cgan", "dcgan", marks=pytest.mark.slow),
        *(pytest.param("gan", network, marks=pytest.mark.slow) for network in NETWORKS),
        *(pytest.param(model, "resnet", marks=pytest.mark.slow) for model in LABELLED),
        pytest.param("stylegan2", "stylegan2", marks=pytest.mark.slow),
    ],
)
def test_a_process_without_gan_lab_makes_the_same_images(model, network, tmp_path):
    gan, artifact = of_network(network) if model == "gan" else gan_of(f"model={model}", f"network={network}")
    safetensors.write(artifact, tmp_path)
    images, contract = alone(tmp_path, inputs(gan, 3))
    torch.testing.assert_close(images, gan.generate(**inputs(gan, 3)), rtol=0, atol=1e-4)
    assert contract == artifact.contract.plain()


def load_here(folder, monkeypatch):
    """What ``network.py`` loads from beside itself, in this process, which works in another folder."""
    namespace = {"__name__": "network", "__file__": str(folder / "network.py")}
    monkeypatch.setitem(sys.modules, "network", type(sys)("network"))
    exec(compile((folder / "network.py").read_text(), "network.py", "exec"), namespace)
    return namespace["load"]()


@pytest.mark.parametrize("model", ["stylegan2", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_truncation_is_built_in(model, monkeypatch, tmp_path):
    gan, artifact = gan_of(f"model={model}")
    if model == "stylegan2":
        torch.nn.init.ones_(gan.generator_ema.mapping.mean)
    safetensors.write(exported(gan, artifact.cfg, truncation=0.4), tmp_path)
    generator, contract = load_here(tmp_path, monkeypatch)
    assert torch.equal(generator(**inputs(gan, 3)), gan.generate(**inputs(gan, 3), truncation=0.4))
    assert contract["truncation"] == 0.4


def test_a_growing_network_stays_at_its_level(monkeypatch, tmp_path):
    gan, artifact = gan_of("model=pggan")
    gan.images_seen = 0
    gan.grow()
    safetensors.write(exported(gan, artifact.cfg), tmp_path)
    generator, _ = load_here(tmp_path, monkeypatch)
    assert generator.level.resolution == 4
    torch.testing.assert_close(generator(**inputs(gan, 2)), gan.generate(**inputs(gan, 2)))


def test_the_official_package_reads_the_file(tmp_path):
    gan, artifact = gan_of("model=gan", "network=mlp")
    path, network = safetensors.write(artifact, tmp_path)
    assert path.stat().st_mode == network.stat().st_mode  # who may read one of them may read both
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["contract"]) == artifact.contract.plain()
        assert all(torch.equal(file.get_tensor(name), value) for name, value in gan.generator_ema.state_dict().items())


def test_a_missing_package_is_named_with_its_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(InputError, match=r"format=safetensors needs the package safetensors: pip install 'gan_lab\[export\]'"):
        safetensors.write(gan_of("model=gan", "network=mlp")[1], tmp_path)
