import shutil

import pytest
import torch
from omegaconf import OmegaConf

from gan_lab.errors import InputError
from gan_lab.training import checkpoint, transfer
from gan_lab.training.build import build
from gan_lab.training.checked_gan import Snapshots
from gan_lab.training.short_run import equal
from tests.tiny import TINY_IMAGES, fit, tiny, train_into


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Checkpoints of short runs, by their overrides."""
    folder, made = tmp_path_factory.mktemp("source"), {}

    def trained(*overrides):
        if overrides not in made:
            cfg = tiny(*overrides, images=8)
            made[overrides] = folder / f"{len(made)}.ckpt"
            gan = fit(cfg, checkpoint.EmbedConfig(cfg, list(overrides)))
            gan.trainer.save_checkpoint(made[overrides])
        return made[overrides]

    return trained


def state_of(path):
    return {name: value for name, value in checkpoint.read(path)["state_dict"].items() if torch.is_tensor(value)}


def taken(gan, path, before):
    """The names of all tensors that are the checkpoint's now; the others must be as they were made."""
    there, now = state_of(path), gan.state_dict()
    names = {
        name for name in there if name in now and there[name].shape == now[name].shape and torch.equal(there[name], now[name])
    }
    rest = {name: value for name, value in now.items() if name not in names and torch.is_tensor(value)}
    assert all(torch.equal(value, before[name]) for name, value in rest.items())
    return names, set(rest)


def test_onto_the_same_networks_all_weights_statistics_and_the_average_are_taken(source):
    path, gan = source("model=dcgan"), build(tiny("model=dcgan", "seed=1"))
    found = transfer.take(gan, path)
    assert [str(each).split(": ")[0] for each in found] == ["generator", "discriminator", "generator_ema"]
    assert all(each.taken == each.total > 0 and not each.left for each in found)
    assert all(torch.equal(value, gan.state_dict()[name]) for name, value in state_of(path).items())
    assert gan.images_seen == 0  # a new run


def test_onto_another_number_of_classes_all_but_what_has_a_row_for_each(source):
    model = ["model=projection", "network.generator.width=8", "network.discriminator.width=8"]
    gan = build(tiny(*model, "data.num_classes=5", "seed=1"))
    before = {name: value.clone() for name, value in gan.state_dict().items() if torch.is_tensor(value)}
    path = source(*model)
    found = transfer.take(gan, path)
    _, rest = taken(gan, path, before)
    assert {name.split(".", 1)[0] for name in rest} == {"generator", "discriminator", "generator_ema"}
    assert all(value.shape[0] == 5 for name, value in before.items() if name in rest and value.ndim > 1)
    assert "(3x" in str(found[1])
    assert " there, 5x" in str(found[1])


def test_onto_another_image_size_what_matches(source):
    gan = build(
        tiny("model=dcgan", "data.image_size=32", "seed=1", "network.generator.width=8", "network.discriminator.width=8")
    )
    before = {name: value.clone() for name, value in gan.state_dict().items() if torch.is_tensor(value)}
    path = source("model=dcgan", "data.image_size=16", "network.generator.width=8", "network.discriminator.width=8")
    generator, discriminator, average = transfer.take(gan, path)
    names, _ = taken(gan, path, before)
    assert {"discriminator.layers.0.weight", "discriminator.layers.4.weight"} <= names  # numbered from the image at both sizes
    assert 0 < discriminator.taken < discriminator.total
    assert (generator.taken, generator.left) == (average.taken, average.left)


def test_a_checkpoint_with_nothing_that_matches_is_refused(source):
    with pytest.raises(
        InputError, match=r"has next to no weight of the name and shape .* give the model=, the network= and the size of images"
    ):
        transfer.take(build(tiny("network=mlp")), source("model=dcgan"))


def test_a_frozen_block_that_does_not_match_is_refused(source):
    cfg = tiny("model=dcgan", "data.channels=3", "model.freeze_d=1")
    with pytest.raises(
        InputError, match=r"^model\.freeze_d would keep the discriminator's layers\.0\.weight random \(4x1x3x3 there"
    ):
        transfer.take(build(cfg), source("model=dcgan"))


def test_a_line_names_a_few_tensors_and_counts_the_rest():
    left = {f"layers.{number}.weight": "not there" for number in range(7)}
    line = str(transfer.Transfer("generator", 1200, 4000, left))
    assert line.startswith("generator: 1,200 of 4,000 weights taken; as made: layers.0.weight (not there), ")
    assert line.endswith("layers.4.weight (not there), and 2 more")
    assert str(transfer.Transfer("generator", 4000, 4000, {})) == "generator: 4,000 of 4,000 weights taken"


def test_frozen_blocks_without_weights_to_keep_and_a_file_that_is_not_there_are_refused():
    for overrides, sentence in [
        (["model.freeze_d=1"], "model.freeze_d=1 would keep random weights: give init_from=RUN"),
        (["init_from=nowhere"], "there is no run folder or checkpoint 'nowhere'"),
    ]:
        with pytest.raises(InputError, match=sentence):
            transfer.resolve(tiny(*overrides))


def test_a_resumed_run_equals_an_undisturbed_one_and_frozen_weights_are_the_sources(source, tmp_path):
    cfg, path = tiny("model=dcgan", "seed=1", "model.freeze_d=1", images=32), source("model=dcgan")
    whole = build(cfg)
    transfer.take(whole, path)
    fit(cfg, Snapshots(tmp_path, [16]), gan=whole)
    assert equal(whole, fit(cfg, ckpt_path=tmp_path / "16.ckpt"))
    assert torch.equal(whole.discriminator.layers[0].weight, state_of(path)["discriminator.layers.0.weight"])
    assert not torch.equal(whole.discriminator.layers[4].weight, state_of(path)["discriminator.layers.4.weight"])


def test_the_command_says_what_it_takes_records_it_and_resumes_without_it(source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(source("model=dcgan"), tmp_path / "source.ckpt")
    widths = ["network.generator.width=8", "network.discriminator.width=8"]
    train_into(
        tmp_path / "run", *TINY_IMAGES, "model=dcgan", *widths, "init_from=source.ckpt", "model.freeze_d=1", "max_images=8"
    )
    said = capsys.readouterr().out
    assert f"starting with the weights of {tmp_path}/source.ckpt\n" in said
    assert all(f"\n  {network}: " in said for network in transfer.NETWORKS)
    assert OmegaConf.load(tmp_path / "run" / "config.yaml").init_from == f"{tmp_path}/source.ckpt"
    (tmp_path / "source.ckpt").unlink()
    train_into(tmp_path / "run", "resume=run", "max_images=16")
    said = capsys.readouterr().out
    assert "starting with" not in said
    assert "this command changes max_images: 8 -> 16\n" in said
