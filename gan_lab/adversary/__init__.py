"""A discriminator for another person's model: ``Adversary(PatchGAN(3))``."""

from gan_lab.adversary.adaptive_weight import AdaptiveWeight
from gan_lab.adversary.adversary import HINGE, LEAST_SQUARES, NON_SATURATING, Adversary
from gan_lab.adversary.ensemble import Ensemble, MultiScale
from gan_lab.adversary.multi_period import MultiPeriod
from gan_lab.adversary.multi_resolution_stft import MultiResolutionSTFT
from gan_lab.adversary.outputs import Outputs, feature_matching
from gan_lab.adversary.patchgan import PatchGAN

__all__ = [
    "HINGE",
    "LEAST_SQUARES",
    "NON_SATURATING",
    "AdaptiveWeight",
    "Adversary",
    "Ensemble",
    "MultiPeriod",
    "MultiResolutionSTFT",
    "MultiScale",
    "Outputs",
    "PatchGAN",
    "feature_matching",
]
