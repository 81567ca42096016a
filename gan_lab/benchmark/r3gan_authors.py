"""The authors' own step of R3GAN (https://github.com/brownvc/R3GAN), timed: what the images/s of ours are compared with.

``python -m gan_lab.benchmark.r3gan_authors CHECKOUT [BATCH ...]`` builds their preset CIFAR10 with labels from a checkout of
their repository, and trains it on one batch that lies on the device: their networks, augmentation (at probability 0), losses,
Adam, average and CUDA operations, in the order and with the switches of their ``training/training_loop.py``.
"""

import json
import os
import sys
from collections.abc import Callable
from copy import deepcopy
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.optim import Adam
from torch.torch_version import TorchVersion
from torch.utils import cpp_extension

from gan_lab.benchmark.device import PeakMemory, now

AUGMENTATION = {
    **dict.fromkeys(("xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac", "cutout"), 1),
    **dict.fromkeys(("brightness", "contrast", "lumaflip", "hue", "saturation"), 0.5),
}
WIDTH = 768


def find(checkout: str) -> None:
    """Let their modules be imported, by versions of setuptools and torch that are newer than they are."""
    sys.path.insert(0, checkout)
    sys.modules.setdefault("pkg_resources", SimpleNamespace(parse_version=TorchVersion))  # type: ignore[arg-type]
    load = cpp_extension.load

    def imported(name: str, *args: Any, **options: Any) -> Any:
        sys.modules[name] = load(name, *args, **options)
        return sys.modules[name]

    cpp_extension.load = imported


def step_of(batch: int, device: torch.device, width: int = WIDTH) -> Callable[[], None]:
    """Return their step of D and G, with networks of this width."""
    networks, loss, misc = (import_module(name) for name in ("training.networks", "training.loss", "torch_utils.misc"))
    shape = {"WidthPerStage": [width] * 4, "CardinalityPerStage": [width // 8] * 4, "BlocksPerStage": [2] * 4,
             "ExpansionFactor": 2, "c_dim": 10, "img_resolution": 32}  # fmt: skip
    g: nn.Module = networks.Generator(NoiseDimension=64, ConditionEmbeddingDimension=64, FP16Stages=[-1, -2, -3], **shape)
    d: nn.Module = networks.Discriminator(ConditionEmbeddingDimension=width, FP16Stages=[0, 1, 2], **shape)
    augment: nn.Module = import_module("training.augment").AugmentPipe(**AUGMENTATION)
    g, d, augment = (module.train().requires_grad_(False).to(device) for module in (g, d, augment))
    average, objective = deepcopy(g).eval(), loss.R3GANLoss(g, d, augment)
    phases = [(name, module, Adam(module.parameters(), betas=(0.0, 0.0), eps=1e-8)) for name, module in (("D", d), ("G", g))]
    images = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8, device=device)
    labels = nn.functional.one_hot(torch.randint(0, 10, (batch,), device=device), 10).float()

    def step() -> None:
        batches = [(images.to(torch.float32) / 127.5 - 1, torch.randn(batch, 64, device=device)) for _ in phases]
        augment.p.copy_(misc.constant(0.0, device=device))  # type: ignore[operator]
        for (name, module, optimizer), (real, z) in zip(phases, batches, strict=True):
            optimizer.zero_grad(set_to_none=True)
            module.requires_grad_(True)
            objective.accumulate_gradients(phase=name, real_img=real, real_c=labels, gen_z=z, gamma=0.05, gain=1)
            module.requires_grad_(False)
            for group in optimizer.param_groups:
                group["lr"], group["betas"] = 2e-4, (0.0, 0.9)
            flatten_gradients([weight for weight in module.parameters() if weight.grad is not None])
            optimizer.step()
        for old, new in zip(average.parameters(), g.parameters(), strict=True):
            old.copy_(new.lerp(old, 0.999))
        for held, made in zip(average.buffers(), g.buffers(), strict=True):
            held.copy_(made)

    return step


def flatten_gradients(weights: list[Any]) -> None:
    """Make all gradients parts of one tensor, as theirs are for the exchange between GPUs."""
    flat = torch.cat([weight.grad.flatten() for weight in weights])
    for weight, gradient in zip(weights, flat.split([weight.numel() for weight in weights]), strict=True):
        weight.grad = gradient.reshape(weight.shape)


def measured(batch: int, device: torch.device, seconds: float, width: int = WIDTH) -> dict[str, Any]:
    """Return images/s of at least so many seconds after three steps, and the peak memory in GiB on a GPU."""
    with PeakMemory(device) as peak:
        step, steps = step_of(batch, device, width), 0
        for _ in range(3):
            step()
        began = now(device)
        while steps == 0 or now(device) - began < seconds:
            step()
            steps += 1
        rate = steps * batch / (now(device) - began)
    return {"batch": batch, "images_per_second": rate, "steps": steps, "peak_gib": peak.bytes and peak.bytes / 2**30}


def main(arguments: list[str]) -> None:
    """Print a line of JSON for each batch size."""
    find(arguments[0])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for operations in ("conv2d_gradfix", "grid_sample_gradfix"):
        vars(import_module(f"torch_utils.ops.{operations}"))["enabled"] = device.type == "cuda"
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    for batch in map(int, arguments[1:] or ["64"]):
        print(json.dumps(measured(batch, device, float(os.environ.get("EACH", "4")), int(os.environ.get("WIDTH", WIDTH)))))


if __name__ == "__main__":
    main(sys.argv[1:])
