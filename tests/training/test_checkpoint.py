import os
import shutil
from pathlib import Path

import pytest
import torch

import gan_lab
from gan_lab import train
from gan_lab.cli.command import explain
from gan_lab.errors import InputError
from gan_lab.training import checkpoint
from tests.tiny import fit, tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    cfg = tiny("model=dcgan")
    gan = fit(cfg, checkpoint.EmbedConfig(cfg, ["model=dcgan"]))
    checkpoint.save(gan.trainer, path := tmp_path_factory.mktemp("trained") / "last.ckpt")
    return gan, path


@pytest.fixture
def saved(trained, tmp_path):
    """The trained GAN, and a copy of its checkpoint."""
    gan, path = trained
    return gan, shutil.copy(path, tmp_path / "last.ckpt")


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


def test_any_flipped_bit_of_a_weight_is_noticed(saved):
    _, path = saved
    content = bytearray(path.read_bytes())
    weights = checkpoint.read(path)["state_dict"]
    name = next(name for name, weight in weights.items() if torch.is_tensor(weight) and weight.numel() > 100)
    at = content.find(weights[name].numpy().tobytes())
    for place, bit in ((at, 1), (at + 37, 128), (at + 399, 64)):
        flipped = content.copy()
        flipped[place] ^= bit
        path.write_bytes(flipped)
        os.utime(path, ns=(place, place))  # a file is read once as long as it stays
        with pytest.raises(InputError, match=r"last\.ckpt' is broken or no checkpoint of gan_lab \(.*is not what was written"):
            checkpoint.load(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda content: content.pop("config"), "was not written by gan_lab: it has no 'config'"),
        (lambda content: content.update(config=[1]), "was not written by gan_lab: it has no 'config'"),
        (lambda content: content.update(format=99), r"has format 99, and this gan_lab reads up to \d: update gan_lab"),
        (lambda content: content.update(format="new"), "has format new"),
        (lambda content: content.pop("overrides"), "its overrides is missing or of another kind"),
        (lambda content: content.pop("optimizer_states"), "its optimizer_states is missing"),
        (lambda content: content.update(loops=3), "its loops is missing or of another kind"),
        (lambda content: content.update(optimizer_states=[3]), "its optimizer_states is missing or of another kind"),
        (lambda content: content["loops"].update(fit_loop=3), "its loops is missing or of another kind"),
        (lambda content: content["callbacks"].update(Failures=3), "its callbacks is missing or of another kind"),
        (lambda content: content.update(rows="x", trained_on=3), "its rows, trained_on is missing or of another kind"),
        (
            lambda content: content["state_dict"].update(_extra_state=3),
            "its images_seen, d_steps_done, g_steps_done, d_steps_since_g is missing or of another kind",
        ),
        (
            lambda content: content["state_dict"].pop("_extra_state"),
            "its images_seen, d_steps_done, .* is missing or of another",
        ),
        (lambda content: content["state_dict"]["_extra_state"].update(images_seen=10**400), "its images_seen is missing or of"),
        (lambda content: content["state_dict"]["_extra_state"].update(g_steps_done=-5), "its g_steps_done is missing or of"),
        (
            lambda content: content["state_dict"].update({"generator_ema.layers.9.weight": 3}),
            "is a checkpoint of other networks than this command.s",
        ),
        (lambda content: content["config"].pop("network"), "the configuration in '.*' makes no GAN"),
        (lambda content: content["config"].update(network=3), "the configuration in '.*' makes no GAN"),
        (lambda content: content["config"]["network"].update(generator="x"), "the configuration in '.*' makes no GAN"),
        (lambda content: content["config"]["model"].update(oops=3), "makes no GAN: .* 'oops'"),
        (lambda content: content["config"]["data"].update(channels="${nowhere}"), "cannot be read: "),
    ],
)
def test_a_missing_or_odd_part_is_a_sentence(saved, change, sentence):
    _, path = saved
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    with pytest.raises(SystemExit, match=sentence):
        explain(lambda: checkpoint.load(path))


def test_a_checkpoint_of_before_formats_loads(saved):
    _, path = saved
    content = torch.load(path, weights_only=True)
    assert content.pop("format") == checkpoint.FORMAT
    torch.save(content, path)
    assert checkpoint.load(path)[0].images_seen == 48


FORMATS = sorted(Path(__file__).parent.glob("format_*.ckpt"))
"""A checkpoint of each format, as `gan_lab.train` wrote it: ``model=gan data=gaussians seed=1`` with widths of 4."""


def test_there_is_a_checkpoint_of_this_format():
    assert FORMATS[-1].name == f"format_{checkpoint.FORMAT}.ckpt"


@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_a_checkpoint_of_every_format_loads_and_goes_on(path, call):
    first = gan_lab.load(path).sample(3, seed=0).flatten().tolist()
    assert first == pytest.approx([-0.4027, -0.1510, -0.3263, -0.0657, -0.6000, -0.2574], abs=1e-4)
    call(train.main, f"resume={path}", "max_images=768", "hydra.run.dir=run", "trainer.accelerator=cpu")
    assert gan_lab.load("run", "last").images_seen == 768
