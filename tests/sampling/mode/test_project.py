import json
import re
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from omegaconf import open_dict
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from gan_lab.data.pixels import to_uint8
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import digits8
from gan_lab.sampling.mode import project
from gan_lab.sampling.mode.project import ImageProjection, psnr
from tests.sampling.runs import request


@pytest.mark.parametrize("name", ["mlp", pytest.param("stylegan2", marks=pytest.mark.slow)])
def test_a_sample_of_the_gan_itself_is_found_again(name, tmp_path):
    asked = request(name, n=2, steps=80, seed=1)
    image = asked.gan.sample(1, seed=7)
    to_pil_image(to_uint8(image)[0]).save(tmp_path / "own.png")
    asked = replace(asked, image=str(tmp_path / "own.png"))
    mode = ImageProjection(lr=0.1, candidates=32)
    mode.check(asked)
    picture = mode(asked, tmp_path)
    facts = json.loads(picture.with_suffix(".json").read_text())
    assert facts["end"] < facts["start"] / 10
    with np.load(picture.with_suffix(".npz")) as arrays:
        space, loss = arrays[facts["space"]], arrays["loss"]
    assert (len(loss), loss[0], loss[-1]) == (81, facts["start"], facts["end"])
    y = None if facts["label"] is None else torch.tensor(facts["label"])
    found = asked.space().images(torch.from_numpy(space), y)
    assert float((found - image).square().mean()) < facts["start"] / 5
    assert Image.open(picture).width > 500


def with_digits8(asked):
    """The same request, of a run that digits8 judges."""
    config = deepcopy(asked.run.config)
    with open_dict(config):
        config.extractor = {"digits8": {"_target_": "gan_lab.evaluation.extractor.digits8.Digits8"}}
    return replace(asked, run=replace(asked.run, config=config))


def test_features_of_the_runs_own_extractor_stand_beside_pixels(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(project, "save_projection", lambda *drawn: None)
    asked = with_digits8(request("mlp", n=2, steps=40, seed=1))
    to_pil_image(to_uint8(asked.gan.sample(1, seed=7))[0]).save(tmp_path / "own.png")
    asked = replace(asked, image=str(tmp_path / "own.png"))
    mode = ImageProjection(lr=0.1, candidates=16)
    mode.check(asked)
    facts = json.loads(mode(asked, tmp_path).with_suffix(".json").read_text())
    assert "pixels + 1 x relative squared distance of digits8 features" in facts["loss"]
    assert facts["loss"] in capsys.readouterr().out
    assert facts["end"] == pytest.approx(facts["pixels"]["end"] + facts["features"]["end"])
    assert facts["features"]["end"] < facts["features"]["start"] and facts["pixels"]["end"] < facts["pixels"]["start"]
    assert facts["psnr_db"] == pytest.approx(psnr(facts["pixels"]["end"]))
    alone = ImageProjection(feature_weight=0.0).loss(asked)
    assert (alone.words, alone.parts(alone.target).tolist()) == ("mean squared error of pixels", [[0.0]])


def test_features_that_cannot_be_had_are_said_or_where_asked_for_refused(tmp_path, capsys, monkeypatch):
    asked = request("mlp")
    Image.new("L", (8, 8)).save(tmp_path / "own.png")
    asked = replace(asked, image=str(tmp_path / "own.png"))
    with pytest.raises(InputError, match=r"mode\.feature_weight=2 needs a differentiable extractor .* give 0"):
        ImageProjection(feature_weight=2.0).check(asked)
    monkeypatch.setattr(digits8, "SHA256", "another")
    ImageProjection().loss(with_digits8(asked))
    assert re.search(
        "loss: mean squared error of pixels alone, for .*digits8.npz is missing or damaged", capsys.readouterr().out
    )


def test_the_ratio_of_errors_is_in_decibels():
    assert psnr(4.0) == 0
    assert psnr(0.04) == pytest.approx(20)


@pytest.mark.parametrize(
    ("name", "image", "sentence"),
    [
        ("dcgan", None, "image= is missing: mode=project needs image=FILE of 8x8 pixels"),
        ("dcgan", "none.png", "there is no file 'none.png'"),
        ("dcgan", "large.png", "'large.png' has 12x9 pixels, and this GAN makes images of 8x8: scale it to 8x8 first"),
        ("dcgan", "broken.png", "'broken.png' is broken or no image"),
        ("points", "large.png", "mode=project finds latents of images, and these samples are none"),
    ],
)
def test_what_cannot_be_projected_is_refused(name, image, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (12, 9)).save("large.png")
    (tmp_path / "broken.png").write_text("none")
    with pytest.raises(InputError, match=sentence):
        ImageProjection().check(request(name, image=image))
