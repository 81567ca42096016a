"""Requests for samples of small GANs, trained or not, that the tests of `gan_lab.sampling` share."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from gan_lab.plot.display import Pictures
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.run import TrainedRun
from gan_lab.training.build import build
from tests.tiny import TINY_IMAGES, tiny

GANS = {
    "stylegan2": ["model=stylegan2"],
    "stylegan": ["model=stylegan", "data.num_classes=null"],
    "dcgan": ["model=dcgan", "data.num_classes=null"],
    "mlp": ["model=gan", "data.num_classes=null"],
    "cgan": ["model=cgan"],
    "biggan": ["model=biggan"],
    "pggan": ["model=pggan", "data.num_classes=null"],
    "uniform": ["model=dcgan", "model/latent=uniform", "data.num_classes=null"],
    "infogan": ["model=infogan", "data.num_classes=null"],
    "ccgan": ["model=ccgan", "data.num_classes=null", "+data.label_dim=2"],
    "points": ["model=gan", "data=gaussians"],
}


@cache
def _built(name: str):
    cfg = tiny(*([] if name == "points" else TINY_IMAGES), *GANS[name])
    torch.manual_seed(0)
    return build(cfg).eval().requires_grad_(False), cfg


def request(name: str = "dcgan", **options) -> SampleRequest:
    """A request for samples of an untrained GAN, 3 of them in 4 steps unless told otherwise."""
    gan, cfg = _built(name)
    run = TrainedRun(Path("none.ckpt"), cfg, {}, [], torch.device("cpu"), 50)
    made = SampleRequest(gan, "grid", 3, 4, 0, None, None, True, 5, Pictures(), run)
    return replace(made, **options)
