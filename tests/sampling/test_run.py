import torch

from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.sampling.run import TrainedRun
from gan_lab.training import checkpoint


def test_a_run_knows_its_data_and_its_features(trained):
    _, made_by = checkpoint.load(trained)
    run = TrainedRun(checkpoint.find(trained), made_by, {}, [], torch.device("cpu"), 50)
    assert run.shape == tuple(run.data.shape) == (1, 8, 8)
    assert isinstance(run.extractor, Pixels) or run.extractor.has_distances
    found = run.features(few=run.reals(7), others=run.reals(3))
    assert [len(each) for each in found.values()] == [7, 3]
