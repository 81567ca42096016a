import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.export.format import torch_export
from gan_lab.export.generator import exported
from tests.export.trained import NETWORKS, gan_of, inputs, of_network

FAST = ("dcgan", "mlp")


@pytest.mark.parametrize("network", [pytest.param(n, marks=[] if n in FAST else pytest.mark.slow) for n in NETWORKS])
def test_any_batch_size_gives_the_gan_s_images(network):
    gan, artifact = of_network(network)
    made = torch_export.program(artifact).module()
    for n in (1, 5):
        torch.testing.assert_close(made(*inputs(gan, n).values()), gan.generate(**inputs(gan, n)), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("model", "truncation"), [("cgan", None), pytest.param("stylegan2", 0.5, marks=pytest.mark.slow)])
def test_a_file_has_the_images_and_the_contract(model, truncation, tmp_path):
    gan, artifact = gan_of(f"model={model}")
    artifact = exported(gan, artifact.cfg, truncation=truncation)
    (path,) = torch_export.write(artifact, tmp_path)
    content = {torch_export.CONTRACT: ""}
    program = torch.export.load(path, extra_files=content)
    made = program.module()(*inputs(gan, 3).values())
    torch.testing.assert_close(made, gan.generate(**inputs(gan, 3), truncation=truncation), rtol=0, atol=1e-4)
    assert json.loads(content[torch_export.CONTRACT]) == artifact.contract.plain()


class Counting(nn.Module):
    def forward(self, z):
        return z.expand(len(z), -1) if len(z) > 1 else z


def test_code_that_counts_its_batch_is_refused():
    _, artifact = gan_of("model=gan", "network=mlp")
    artifact = replace(artifact, generator=Counting())
    with pytest.raises(InputError, match=r"this generator is no graph of any batch size .* take len\(z\)"):
        torch_export.program(artifact)
