import pytest
import torch

from gan_lab.data.pixels import to_uint8
from gan_lab.evaluation.extractor.classifier import network
from gan_lab.evaluation.extractor.digits8 import Digits8
from gan_lab.evaluation.extractor.trained import Trained, write
from gan_lab.sampling.image_loss import ImageLoss


def some_images(n):
    levels = torch.randint(256, (n, 1, 8, 8), generator=torch.Generator().manual_seed(n))
    return levels.float() / 127.5 - 1


def test_pixels_alone_are_a_mean_square():
    target, images = some_images(1), some_images(3)
    loss = ImageLoss(target)
    expected = [float(torch.nn.functional.mse_loss(image, target[0])) for image in images]
    assert loss.total(loss.parts(images)).tolist() == pytest.approx(expected)
    assert loss.words == "mean squared error of pixels"


@pytest.mark.parametrize("name", ["digits8", "trained"])
def test_features_are_those_that_the_extractor_gives_the_metrics(name, tmp_path):
    torch.manual_seed(0)
    facts = {"data": "fake", "images": "none", "channels": 1, "image_size": 8, "num_classes": 3}
    if name == "trained":
        write(tmp_path / "weights.npz", network(1, 8, 3), facts)
    extractor = Digits8() if name == "digits8" else Trained(str(tmp_path / "weights.npz"))
    assert extractor.differentiable
    target, images = some_images(1), some_images(3).requires_grad_()
    loss = ImageLoss(target, extractor, 2.0)
    parts = loss.parts(images)
    mine, theirs = (extractor(to_uint8(each.detach()))[0].double() for each in (target, images))
    relative = (mine - theirs).square().sum(1) / mine.square().sum()
    assert parts[:, 1].tolist() == pytest.approx(relative.tolist(), rel=1e-4)
    assert loss.total(parts).tolist() == pytest.approx((parts[:, 0] + 2 * parts[:, 1]).tolist())
    (gradient,) = torch.autograd.grad(parts[:, 1].sum(), images)
    assert gradient.flatten(1).norm(dim=1).min() > 0
    assert f"2 x relative squared distance of {extractor.name} features" in loss.words
