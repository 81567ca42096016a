import torch

from gan_lab.evaluation.metric.histogram import Histogram


def test_counts_add_up_over_batches():
    histogram = Histogram(4)
    histogram.update(torch.tensor([0, 2, 2]))
    histogram.update(torch.tensor([3]))
    assert histogram.compute().tolist() == [1, 0, 2, 1]
