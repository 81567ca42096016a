import shutil
import sys
import zipfile

import pytest
import torch
import yaml

import gan_lab
from gan_lab.errors import InputError
from gan_lab.export import __main__ as export
from gan_lab.export import hub
from tests.tiny import train_into


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No login, no network, and a cache of the Hub's own form."""
    import huggingface_hub.constants as constants
    from huggingface_hub import file_download

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no_token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert file_download.constants is constants


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    overrides = ["data=fake", "data.image_size=8", "data.batch_size=4", "network.generator.width=8", "max_images=8"]
    return train_into(tmp_path_factory.mktemp("trained") / "run", *overrides)


def test_without_a_login_a_folder_is_written_that_loads_without_a_pickle(trained, call, tmp_path, capsys):
    call(export.main, f"run={trained}", "push_to_hub=me/digits", "license=mit", "out=made")
    folder = tmp_path / "made"
    assert "there is no login to the Hugging Face Hub, so 'made' was written and not uploaded" in capsys.readouterr().out
    names = {"README.md", "config.yaml", "gan.safetensors", "generator.safetensors", "network.py", "samples.png"}
    assert {path.name for path in folder.iterdir()} == names
    assert not any(zipfile.is_zipfile(path) for path in folder.iterdir())
    assert yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])["license"] == "mit"

    own = gan_lab.load(trained)
    snapshot = tmp_path / "cache/models--me--digits/snapshots/0123456789"
    shutil.copytree(folder, snapshot)
    (tmp_path / "cache/models--me--digits/refs").mkdir()
    (tmp_path / "cache/models--me--digits/refs/main").write_text("0123456789")
    for address in (folder, "hf://me/digits"):
        gan = gan_lab.load(address)
        assert torch.equal(gan.sample(4), own.sample(4))
        assert gan.images_seen == own.images_seen
        assert torch.equal(gan.logits(own.sample(2)), own.logits(own.sample(2)))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("hf://me/nothing", r"'hf://me/nothing' cannot be fetched .*: give hf://USER/NAME of a public repository"),
        ("hf://a/b/c/d", r"'hf://a/b/c/d' cannot be fetched"),
    ],
)
def test_what_is_not_on_the_hub_is_named(address, sentence):
    with pytest.raises(InputError, match=sentence):
        gan_lab.load(address)


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no gan.safetensors, which gan_lab.export push_to_hub=USER/NAME writes"):
        hub.load(tmp_path)
    (tmp_path / "gan.safetensors").write_bytes(b"no such file")
    with pytest.raises(InputError, match="is broken, or was not written by gan_lab"):
        gan_lab.load(tmp_path)


def test_a_file_calls_no_other_code(trained, tmp_path):
    from gan_lab.export import loader
    from gan_lab.export.format import safetensors

    config = gan_lab.training.checkpoint.read(trained / "checkpoints/last.ckpt")["config"]
    config["network"]["generator"]["_target_"] = "os.system"
    safetensors.save(torch.nn.Linear(1, 1), tmp_path / hub.WEIGHTS, {"config": config})
    assert loader.read(tmp_path / hub.WEIGHTS)[0]["config"]
    with pytest.raises(InputError, match=r"asks for os.system at network.generator"):
        hub.load(tmp_path)


def test_bad_names_and_a_missing_package_are_refused_first(trained, call, monkeypatch):
    with pytest.raises(SystemExit, match="push_to_hub=digits is no repository of the Hub: give push_to_hub=USER/NAME"):
        call(export.main, f"run={trained}", "push_to_hub=digits")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SystemExit, match=r"push_to_hub= needs the package huggingface_hub: pip install 'gan_lab\[hub\]'"):
        call(export.main, f"run={trained}", "push_to_hub=me/digits")
