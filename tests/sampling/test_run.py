from copy import deepcopy
from dataclasses import replace

import torch
from omegaconf import OmegaConf, open_dict

from gan_lab.cli.compose import CONF
from gan_lab.data.points import ring
from gan_lab.evaluation.extractor.digits8 import Digits8
from gan_lab.evaluation.extractor.inception import Inception
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.sampling.run import TrainedRun
from gan_lab.training import checkpoint
from tests.sampling.runs import request


def with_extractors(*names):
    """The run of a small GAN with these extractors."""
    run, config = request().run, deepcopy(request().run.config)
    with open_dict(config):
        config.extractor = {
            key: value for name in names for key, value in OmegaConf.load(CONF / f"extractor/{name}.yaml").items()
        }
    return replace(run, config=config)


def test_the_first_differentiable_extractor_is_found_and_no_other_is_made(monkeypatch):
    monkeypatch.setattr(Inception, "__init__", None)  # which may fetch its weights
    assert isinstance(with_extractors("inception", "digits8").differentiable_extractor, Digits8)
    assert with_extractors("inception", "pixels").differentiable_extractor is None
    assert with_extractors().differentiable_extractor is None


def test_the_centres_of_modes_are_found_without_the_data_and_by_no_code_that_is_not_trusted(monkeypatch):
    monkeypatch.setattr(TrainedRun, "data", None)
    run, config = request("points").run, deepcopy(request("points").run.config)
    torch.testing.assert_close(run.centres, ring(8, 1.0))
    assert request().run.centres is None  # images at random have none
    config.data.layout._target_ = "my_points.Layout"
    assert replace(run, config=config).centres is None


def test_a_run_knows_its_data_and_its_features(trained):
    _, made_by = checkpoint.load(trained)
    run = TrainedRun(checkpoint.find(trained), made_by, {}, [], torch.device("cpu"), 50)
    assert run.shape == tuple(run.data.shape) == (1, 8, 8)
    assert isinstance(run.extractor, Pixels) or run.extractor.has_distances
    found = run.features(few=run.reals(7), others=run.reals(3))
    assert [len(each) for each in found.values()] == [7, 3]
