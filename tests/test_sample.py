import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from gan_lab import evaluate, sample, train
from gan_lab import list as listing
from gan_lab.cli.compose import CONF, compose
from gan_lab.data.pixels import to_uint8
from gan_lab.training import checkpoint
from tests.tiny import tiny, train_into


def read_image(path: str) -> torch.Tensor:
    return pil_to_tensor(Image.open(path))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder, of two steps."""
    overrides = ["data=fake", "data.image_size=8", "data.batch_size=4", "network.generator.width=8", "max_images=8"]
    return train_into(tmp_path_factory.mktemp("trained") / "run", *overrides)


@pytest.fixture
def run(call, trained, tmp_path, monkeypatch):
    """Samples from a copy of that run, at ``run``."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "run")
    return lambda *arguments: call(sample.main, "run=run", *arguments)


def test_a_grid_is_written_into_the_run_folder(run):
    folder = run()
    picture = read_image(str(folder / "run/generated/grid/grid-seed0.png"))
    assert picture.shape[0] == 3
    assert picture.float().std() > 1


def test_png_files_hold_the_images_to_the_last_grey_level(run):
    folder = run("format=png", "n=5", "out=made") / "made"
    gan, _ = checkpoint.load("run")
    files = sorted(folder.glob("*.png"))
    assert len(files) == 5
    assert torch.equal(torch.stack([read_image(str(file)) for file in files]), to_uint8(gan.sample(range(5))))


@pytest.mark.slow
def test_images_that_are_not_square_are_sampled(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train_into(tmp_path / "run", "data=fake", "data.image_size=[8,16]", "data.batch_size=4", "network.generator.width=8",
               "max_images=8")  # fmt: skip
    folder = call(sample.main, "run=run", "format=npz", "n=3")
    assert np.load(folder / "run/generated/grid/samples-seed0.npz")["images"].shape == (3, 8, 16, 3)


def test_an_npz_has_the_same_images_on_any_batch_size(run):
    one, two = (
        np.load(run("format=npz", "n=7", f"batch_size={size}", f"out=made{size}") / f"made{size}/samples-seed0.npz")["images"]
        for size in (7, 2)
    )
    assert one.shape == (7, 8, 8, 3)
    assert one.dtype == np.uint8
    assert np.abs(one.astype(int) - two).max() <= 1


def test_latents_are_the_same_bit_for_bit_on_any_batch_size(run):
    gan, _ = checkpoint.load("run")
    apart = torch.cat([gan.latent_rows([index], seed=3) for index in range(5)])
    assert torch.equal(gan.latent_rows(range(5), seed=3), apart)


@pytest.mark.parametrize("way", ["straight", "great_circle"])
def test_a_strip_per_pair_of_latents(run, way):
    picture = read_image(str(run(f"format={way}", "n=2", "steps=3") / "run/generated/interpolate/interpolate-seed0.png"))
    height, width = picture.shape[1:]
    assert width > height


def test_a_folder_whose_name_looks_like_markup_is_printed_as_it_is(run, capsys):
    folder = run("out='[bold]z[/nope] :cat:'")
    assert (folder / "[bold]z[/nope] :cat:/grid-seed0.png").is_file()
    assert capsys.readouterr().out.endswith("-> [bold]z[/nope] :cat:/grid-seed0.png\n")


def test_a_file_samples_without_its_folder(run, call):
    folder = run()
    (folder / "run/checkpoints/last.ckpt").rename(folder / "alone.ckpt")
    call(sample.main, "run=alone.ckpt", "out=elsewhere")
    assert (folder / "elsewhere/grid-seed0.png").is_file()


def test_truncated_samples_are_those_of_the_library(run):
    folder = run("format=npz", "n=3", "truncation=0.3")
    gan, _ = checkpoint.load("run")
    made = torch.from_numpy(np.load(folder / "run/generated/grid/samples-seed0.npz")["images"]).permute(0, 3, 1, 2)
    assert torch.equal(made, to_uint8(gan.sample(3, truncation=0.3)))
    assert not torch.equal(made, to_uint8(gan.sample(3)))


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("truncation=0", "truncation=0.* is invalid: give a number above 0"),
        ("run=null", "run= is missing"),
        ("run=nowhere", "there is no run folder or checkpoint 'nowhere'"),
        ("format=pgn", r"there is no format 'pgn' \(choices: gif, grid, mp4, npy, npz, png\); did you mean 'png'?"),
        ("mode=wlak", "there is no mode 'wlak' .*; did you mean 'walk'?"),
        ("mode.stops=3", "there is no option 'mode.stops'"),
        ("n=999999999999", r"n=999999999999 takes [\d,]+ GiB, and this machine has [\d,]+: draw fewer at a time"),
        ("n=0", "n=0 is invalid: give a whole number of at least 1"),
        ("device=gpu", "device=gpu is invalid: give cpu, or cuda where there is a GPU that torch can use"),
    ],
)
def test_bad_input_is_one_sentence(run, argument, sentence):
    with pytest.raises(SystemExit, match=sentence.replace("?", r"\?")):
        run(argument)


def test_formats_of_other_commands_are_no_groups(call, capsys):
    call(listing.main, "group=speed", "format=markdown")
    assert capsys.readouterr().out.startswith("| `speed=` |")


def test_single_images_lie_in_a_folder_of_their_own_which_evaluate_judges(run, call):
    run("n=40")
    run("mode=interpolate", "n=2", "steps=3")
    run("format=png", "n=40")
    assert len([*Path("run/generated/grid/seed0").iterdir()]) == 40
    run("format=png", "n=30")
    assert len([*Path("run/generated/grid/seed0").iterdir()]) == 30
    call(evaluate.main, "samples=run/generated/grid/seed0", "reference=run/generated/grid/seed0", "extractor=pixels")


def test_the_help_names_every_option_of_its_groups():
    text = compose("sample", [], with_hydra=True).hydra.help.template
    for group in ("mode", "format", "path", "embedding"):
        names = re.search(rf"^{group}[^:]*: (.*)$", text, re.MULTILINE)[1].split(", ")
        assert sorted(names) == [path.stem for path in sorted((CONF / "sample" / group).glob("*.yaml"))]


def test_a_torch_file_of_somebody_else_is_refused(call, tmp_path):
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.ckpt")
    with pytest.raises(SystemExit, match="was not written by gan_lab"):
        call(sample.main, "run=other.ckpt")


@pytest.mark.slow
def test_points_are_drawn_and_saved_as_points(call):
    assert tiny("data=gaussians").data.image_size == 1
    call(train.main, "data=gaussians", "model=gan", "max_images=1024", "logger=csv", "metric=none", "hydra.run.dir=run")
    folder = call(sample.main, "run=run", "format=npz", "n=6")
    assert np.load(folder / "run/generated/grid/samples-seed0.npz")["images"].shape == (6, 2)


def test_classes_are_those_asked_for_in_turn(call):
    tiny_images = ["data=fake", "data.image_size=8", "data.batch_size=4", "data.num_classes=3", "network.generator.width=8"]
    call(train.main, "model=cgan", *tiny_images, "max_images=8", "logger=csv", "hydra.run.dir=run")
    folder = call(sample.main, "run=run", "classes=[2,0]", "format=png", "n=4", "out=made") / "made"
    gan, _ = checkpoint.load("run")
    made = torch.stack([read_image(str(file)) for file in sorted(folder.glob("*.png"))])
    assert torch.equal(made, to_uint8(gan.sample(range(4), classes=[2, 0])))
    assert not torch.equal(made, to_uint8(gan.sample(range(4))))


@pytest.fixture
def of_folders(call, tmp_path):
    """A run on the class folders cat, dog and, in natural order, 9 before 10."""
    for number, name in enumerate(("cat", "dog", "9", "10")):
        for index in range(2):
            (tmp_path / "pictures" / name).mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 60 * number + index).save(tmp_path / "pictures" / name / f"{index}.png")
    return lambda *options: call(
        train.main, "model=cgan", "data=image_folder", f"data.root={tmp_path / 'pictures'}", "data.image_size=8",
        "data.channels=1", "data.num_classes=4", "data.num_workers=0", "data.batch_size=2", "data.held_out_fraction=0.5",
        "network.generator.width=8", "network.discriminator.width=8", "max_images=4", "logger=csv", "hydra.run.dir=run",
        *options,
    )  # fmt: skip


NAMES = ["9", "10", "cat", "dog"]


@pytest.mark.slow
def test_the_names_of_labels_go_from_folders_to_samples(of_folders, call, capsys):
    folder = of_folders()
    assert "classes: 0 9, 1 10, 2 cat, 3 dog" in capsys.readouterr().out
    assert json.loads((folder / "run/summary.json").read_text())["class_names"] == NAMES
    assert checkpoint.read(folder / "run/checkpoints/last.ckpt")["config"]["class_names"] == NAMES
    assert OmegaConf.load(folder / "run/config.yaml").class_names == NAMES
    call(sample.main, "run=run", "classes=[dog,cat]", "n=3", "format=npz")
    made = np.load(folder / "run/generated/grid/samples-seed0.npz", allow_pickle=False)
    assert (made["labels"].tolist(), made["class_names"].tolist()) == ([3, 2, 3], NAMES)
    gan, _ = checkpoint.load("run")
    expected = to_uint8(gan.sample(3, classes=[3, 2])).permute(0, 2, 3, 1)
    assert torch.equal(torch.from_numpy(made["images"]), expected)
    with pytest.raises(SystemExit, match=r"there is no class dgo, .* did you mean 'dog'"):
        call(sample.main, "run=run", "classes=[dgo]")
    call(train.main, "resume=run", "max_images=6")
    assert json.loads((folder / "run/summary.json").read_text())["class_names"] == NAMES


@pytest.mark.slow
def test_names_may_be_given_one_for_each_class(of_folders, call):
    folder = of_folders("class_names=[nine,ten,cat,dog]")
    assert checkpoint.load("run")[0].class_names == ("nine", "ten", "cat", "dog")
    assert json.loads((folder / "run/summary.json").read_text())["class_names"][0] == "nine"
    with pytest.raises(SystemExit, match=r"class_names=\[a,b\] make 2 names, and data.num_classes=4: give each class one"):
        of_folders("class_names=[a,b]", "hydra.run.dir=other")
