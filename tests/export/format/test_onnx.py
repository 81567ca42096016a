import json
import sys

import onnxruntime
import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.export.format import onnx
from gan_lab.export.generator import exported
from tests.export.trained import NETWORKS, gan_of, inputs, of_network


def run(path, given):
    session = onnxruntime.InferenceSession(path)
    (images,) = session.run(["images"], {name: value.numpy() for name, value in given.items()})
    return torch.from_numpy(images), json.loads(session.get_modelmeta().custom_metadata_map["contract"])


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_runs_in_onnxruntime_on_any_batch_size(network, tmp_path):
    gan, artifact = of_network(network)
    (path,) = onnx.write(artifact, tmp_path)
    for n in (1, 5):
        torch.testing.assert_close(run(path, inputs(gan, n))[0], gan.generate(**inputs(gan, n)), rtol=0, atol=1e-4)


@pytest.mark.slow  # torch.export's own format is quick
def test_a_file_takes_latents_and_labels_and_holds_the_contract(tmp_path):
    gan, artifact = gan_of("model=cgan", "network=mlp")
    (path,) = onnx.write(artifact, tmp_path)
    images, contract = run(path, inputs(gan, 3))
    torch.testing.assert_close(images, gan.generate(**inputs(gan, 3)), rtol=0, atol=1e-4)
    assert contract == artifact.contract.plain()


@pytest.mark.slow
def test_styles_are_truncated(tmp_path):
    gan, artifact = gan_of("model=stylegan2")
    torch.nn.init.ones_(gan.generator_ema.mapping.mean)
    (path,) = onnx.write(exported(gan, artifact.cfg, truncation=0.3), tmp_path)
    expected = gan.generate(**inputs(gan, 3), truncation=0.3)
    torch.testing.assert_close(run(path, inputs(gan, 3))[0], expected, rtol=0, atol=1e-4)


def test_truncated_latents_are_refused(tmp_path):
    gan, artifact = gan_of("model=gan", "network=mlp")
    with pytest.raises(InputError, match="ONNX has no inverse of the normal distribution: leave truncation= out"):
        onnx.write(exported(gan, artifact.cfg, truncation=0.3), tmp_path)


def test_a_missing_package_is_named_with_its_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"format=onnx needs the package onnxscript: pip install 'gan_lab\[export\]'"):
        onnx.write(gan_of("model=gan", "network=mlp")[1], tmp_path)
