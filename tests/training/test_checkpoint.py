import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.training import checkpoint
from tests.tiny import fit, tiny


@pytest.fixture
def saved(tmp_path):
    cfg = tiny("model=dcgan")
    gan = fit(cfg, checkpoint.EmbedConfig(cfg, ["model=dcgan"]))
    checkpoint.save(gan.trainer, tmp_path / "last.ckpt")
    return gan, tmp_path / "last.ckpt"


def test_a_checkpoint_loads_without_executing_code_and_rebuilds_its_gan(saved):
    gan, path = saved
    content = torch.load(path, weights_only=True)
    assert content["overrides"] == ["model=dcgan"]
    loaded, cfg = checkpoint.load(path)
    assert loaded.images_seen == gan.images_seen == 48
    assert cfg.data.image_size == 8
    assert not loaded.training


def test_a_full_disk_leaves_the_former_checkpoint_whole(saved, monkeypatch):
    gan, path = saved
    former = path.read_bytes()

    def fill(partial):
        partial.write_bytes(former[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gan.trainer, "save_checkpoint", fill)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(gan.trainer, path)
    assert path.read_bytes() == former
    assert list(path.parent.iterdir()) == [path]


def test_a_truncated_file_is_named(saved):
    _, path = saved
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"last\.ckpt' is broken or no checkpoint"):
        checkpoint.load(path)
