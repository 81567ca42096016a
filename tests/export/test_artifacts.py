import pytest
import torch

from gan_lab.export import __main__ as export
from gan_lab.training import checkpoint
from tests.tiny import train_into


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder, of two steps."""
    overrides = ["data=fake", "data.image_size=8", "data.batch_size=4", "network.generator.width=8", "max_images=8"]
    return train_into(tmp_path_factory.mktemp("trained") / "run", *overrides)


def test_a_run_is_written_in_several_formats_and_the_contract_is_printed(trained, call, tmp_path, capsys):
    folder = call(export.main, f"run={trained}", "format=[safetensors,torch_export]", "out=made") / "made"
    assert {path.name for path in folder.iterdir()} == {"generator.safetensors", "network.py", "generator.pt2"}
    gan, _ = checkpoint.load(trained)
    z = gan.latent_rows(range(3), 0)
    made = torch.export.load(folder / "generator.pt2").module()(z)
    torch.testing.assert_close(made, gan.generate(z), rtol=0, atol=1e-4)
    assert "z (N, 100), independent standard normal numbers -> (N, 3, 8, 8)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("format=safetensor", "format=safetensor does not exist .*did you mean 'safetensors'"),
        ("format=pickle", r"format=pickle does not exist \(choices: safetensors, onnx, torch_export\)"),
        ("run=null", "run= is missing"),
        ("run=nowhere", "there is no run folder or checkpoint 'nowhere'"),
        ("checkpoint=first", "checkpoint=first does not exist"),
        ("truncation=-1", "truncation=-1 is invalid: give a number of at least 0"),
        (f"out={__file__}", "test_artifacts.py' is a file, and a folder is to be made there: give another out="),
    ],
)
def test_bad_input_is_one_sentence(trained, call, argument, sentence):
    with pytest.raises(SystemExit, match=sentence):
        call(export.main, f"run={trained}", argument)
