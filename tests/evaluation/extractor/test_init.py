import torch

from gan_lab.evaluation.extractor import Extractor


class Mean(Extractor):
    """The least that an extractor of one's own must state."""

    name, num_features, weights_sha256 = "mean", 1, "none"

    def __call__(self, images):
        return images.float().mean((1, 2, 3))[:, None], None


def test_it_inherits_what_it_does_not_state():
    own = Mean()
    assert (own.channels, own.num_classes, own.splits, own.counts_classes, own.knows_labels) == (None, 0, 1, False, False)
    assert own.named("fd") == "fd_mean"
    own.to(torch.device("cpu"))
    assert own(torch.full((2, 1, 4, 4), 3))[0].tolist() == [[3], [3]]
