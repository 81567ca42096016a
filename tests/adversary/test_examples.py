"""The worked examples of gan_lab/adversary/README.md, trained: a tokenizer, a translation net and a vocoder."""

import copy
import math
import re
from typing import NamedTuple

import lightning as L
import pytest
import torch
from torch.nn.functional import conv2d
from torch.utils.data import DataLoader, TensorDataset

from gan_lab.cli.compose import PACKAGE
from gan_lab.data.digits import digits
from gan_lab.data.images import Blobs
from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.data.points import ring
from gan_lab.evaluation.extractor.digits8 import Digits8
from gan_lab.evaluation.moments import Moments, frechet_distance
from tests.adversary.host import QUIET

EXAMPLES = re.findall(r"```python\n(.*?)```", (PACKAGE / "adversary" / "README.md").read_text(), re.DOTALL)


def names_of(number):
    exec(EXAMPLES[number], names := {})
    return names


def trained(module, steps, seed, *tensors, batch_size=32):
    loader = DataLoader(TensorDataset(*tensors), batch_size, shuffle=True, generator=torch.Generator().manual_seed(seed))
    L.Trainer(max_steps=steps, max_epochs=-1, enable_checkpointing=False, **QUIET).fit(module, loader)
    return module.eval()


# ----- a vocoder -----------------------------------------------------------------------------------------------------

N_FFT, HOP, MELS = 64, 16, 12


def mel_filters():
    """Triangles (MELS, N_FFT // 2 + 1), as far apart as ears hear: 2595 log10(1 + f / 700), at 8 kHz."""
    mel = torch.linspace(0, 2595 * math.log10(1 + 4000 / 700), MELS + 2)
    corners = 700 * (10 ** (mel / 2595) - 1)
    f = torch.linspace(0, 4000, N_FFT // 2 + 1)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return torch.minimum((f - low) / (middle - low), (high - f) / (high - middle)).clamp(min=0)


def mel(x):
    """Log mel spectrograms (N, MELS, L / HOP) of waves (N, 1, L)."""
    spectra = torch.stft(x[:, 0], N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True).abs()[..., :-1]
    return (mel_filters() @ spectra).clamp(min=1e-3).log()


def chirps(n, seed):
    """Waves (n, 1, 512) whose frequency rises or falls, between 300 and 1500 Hz."""
    g = torch.Generator().manual_seed(seed)
    start, end, phase = torch.rand(3, n, 1, generator=g)
    start, end = 300 + 1200 * start, 300 + 1200 * end
    t = torch.arange(512) / 8000
    cycles = start * t + (end - start) * t.square() / (2 * t[-1]) + phase
    return (0.8 * torch.sin(2 * math.pi * cycles))[:, None]


@pytest.mark.parametrize(("steps", "share"), [(6, 0.95), pytest.param(150, 0.6, marks=pytest.mark.slow)])
def test_a_vocoder_turns_mel_spectrograms_into_chirps(steps, share):
    torch.manual_seed(0)
    module, held_out = names_of(2)["Vocoder"](mel, MELS), chirps(16, 2)

    def error():
        with torch.no_grad():
            return (mel(module.net(mel(held_out))) - mel(held_out)).abs().mean().item()

    before = error()
    trained(module, steps, 0, chirps(256, 1), batch_size=4)
    assert error() < share * before
    assert len(module.adversary.discriminator(held_out).logits) == 4


# ----- VQ-VAE to VQGAN -----------------------------------------------------------------------------------------------


class Scores(NamedTuple):
    """Of reconstructions of the 597 held-out digits, beside the digits themselves."""

    sharpness: float  # gradient energy, as a share of the digits' own
    fd: float  # Fréchet distance of digits8's features


def scores(module):
    x = all_digits("held_out")
    with torch.no_grad():
        made = module(to_unit(x))[0].clamp(-1, 1)
    moments = [Moments.of(Digits8()(images)[0]) for images in (to_uint8(made), x)]
    return Scores((energy(made) / energy(to_unit(x))).item(), frechet_distance(*moments))


def energy(x):
    return x.diff(dim=2).square().mean() + x.diff(dim=3).square().mean()


def all_digits(split):
    data = digits(split)
    return torch.stack([data[index][0] for index in range(len(data))])


def tokenizers(seed):
    """A VQ-VAE, and the VQGAN that it becomes in the second half of its training: the same weights, the same batches."""
    torch.manual_seed(seed)
    names, images = names_of(0), to_unit(all_digits("train"))
    blurred = trained(names["VQVAE"](), 400, seed, images)
    sharp = copy.deepcopy(blurred)
    sharp.adversary = names["vqgan"].adversary
    sharp.adversary.start_step -= 400
    return [trained(module.train(), 400, seed + 100, images) for module in (blurred, sharp)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_an_adversary_brings_a_tokenizers_digits_nearer_to_digits(seed):
    blurred, sharp = map(scores, tokenizers(seed))
    assert blurred.sharpness + 0.02 < sharp.sharpness < 1.1
    assert sharp.fd <= blurred.fd


def test_a_vqgan_hears_of_d_after_its_warm_up():
    names = names_of(0)
    module = names["vqgan"]
    module.adversary.start_step, module.adversary.warmup = 12, 8
    trained(module, 20, 0, to_unit(all_digits("train")))
    logs = module.adversary.logs
    assert module.adversary.steps == 20
    assert logs["real_logits"] > logs["fake_logits"]  # D has learnt
    assert logs["g_weight"] == module.adversary.weight.value > 0  # and G hears of it


# ----- edges to fills ------------------------------------------------------------------------------------------------

SIDE, PERIOD = 24, 4


def striped_blobs(n, seed):
    """Outlines and images (n, 1, SIDE, SIDE), and where the blobs are: no outline tells the phase of a blob's stripes."""
    g = torch.Generator().manual_seed(seed)
    blobs = Blobs(ring(), SIDE).sample(n, seed)[0] / 255
    sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    slope = conv2d(blobs, torch.stack([sobel, sobel.T])[:, None], padding=1).norm(dim=1, keepdim=True)
    stripes = (2 * math.pi * (torch.arange(SIDE) / PERIOD + torch.rand(n, 1, 1, 1, generator=g))).cos()
    return (slope > 1).float(), 2 * blobs * (0.6 + 0.4 * stripes) - 1, blobs > 0.3


class Fills(NamedTuple):
    """Of translations of 256 outlines, within the blobs."""

    error: float  # mean absolute
    brightness: float  # as a share of the true images' own
    sharpness: float  # gradient energy across the stripes, likewise


def translated(seed, steps, adversarial):
    torch.manual_seed(seed)
    names = names_of(1)
    torch.manual_seed(seed)
    module = names["Pix2Pix"](names["pix2pix"].adversary if adversarial else None)
    trained(module, steps, seed, *striped_blobs(1024, 1)[:2], batch_size=16)
    edges, x, inside = striped_blobs(256, 2)
    with torch.no_grad():
        made = module(edges).clamp(-1, 1)
    steep, true_steep = (images.diff(dim=3).square()[inside[..., 1:]].mean() for images in (made, x))
    bright, true_bright = ((images[inside] + 1).mean() for images in (made, x))
    error = (made - x)[inside].abs().mean()
    return module, Fills(error.item(), (bright / true_bright).item(), (steep / true_steep).item())


@pytest.mark.slow
def test_an_adversary_draws_the_stripes_that_an_error_blurs():
    (_, blurred), (_, sharp) = (translated(0, 200, adversarial) for adversarial in (False, True))
    assert 0.9 < blurred.brightness < 1.1
    assert 2 * blurred.sharpness < 0.5 < sharp.sharpness < 2
    assert 0.75 < sharp.brightness < 1.25
    assert sharp.error < 1.75 * blurred.error  # stripes at another phase are farther from the true ones than none: by 1.27


def test_a_translation_net_with_an_adversary_fills_outlines():
    module, fills = translated(0, 20, True)
    assert fills.brightness > 0.1  # black has 0
    assert module.adversary.logs["real_logits"] > module.adversary.logs["fake_logits"]
