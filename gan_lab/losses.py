"""Adversarial losses: pure functions of raw scores.

Every ``*_d(real, fake)`` is the sum of a half on reals and a half on fakes, every ``*_g(fake)`` is G's loss; relativistic ones
compare the two kinds, and take both for G too. Scores are raw (no sigmoid), of shape (N,); the result is a scalar that its
player minimises.
"""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus


def vanilla_d(real: Tensor, fake: Tensor, real_targets: Tensor | None = None, fake_targets: Tensor | None = None) -> Tensor:
    """-E[log sigma(D(x))] - E[log(1 - sigma(D(G(z))))]; 2 ln 2 at D = 0 (Goodfellow 2014, eq. 1).

    With targets (N,) in the place of 1 for reals and 0 for fakes: -E[t log sigma(D) + (1 - t) log(1 - sigma(D))] of each.
    """
    if real_targets is None or fake_targets is None:
        return softplus(-real).mean() + softplus(fake).mean()
    return binary_cross_entropy_with_logits(real, real_targets) + binary_cross_entropy_with_logits(fake, fake_targets)


def non_saturating_g(fake: Tensor) -> Tensor:
    """-E[log sigma(D(G(z)))]: strong gradients where D is sure (Goodfellow 2014, section 3); ln 2 at D = 0."""
    return softplus(-fake).mean()


def saturating_g(fake: Tensor) -> Tensor:
    """E[log(1 - sigma(D(G(z))))]: the minimax game itself (Goodfellow 2014, eq. 1)."""
    return -softplus(fake).mean()


def kl_g(fake: Tensor) -> Tensor:
    """-E[D(G(z))] on raw scores: descends KL(generated || data) where D is optimal (Sønderby 2017)."""
    return -fake.mean()


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """E[(D(x) - 1)^2] / 2 + E[D(G(z))^2] / 2 (Mao 2017, eq. 9: a = 0, b = c = 1)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_g(fake: Tensor) -> Tensor:
    """E[(D(G(z)) - 1)^2] / 2 (Mao 2017, eq. 9)."""
    return (fake - 1).square().mean() / 2


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] (Lim & Ye 2017; Miyato 2018, eq. 16)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """E[D(G(z))] - E[D(x)]: minus what the critic maximises (Arjovsky 2017, eq. 3)."""
    return fake.mean() - real.mean()


def wasserstein_g(fake: Tensor) -> Tensor:
    """-E[D(G(z))] (Arjovsky 2017, theorem 3); G's loss of the hinge GAN too (Miyato 2018, eq. 17)."""
    return -fake.mean()


def relativistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log sigma(D(x) - D(G(z)))] of pairs; ln 2 where D cannot tell (Jolicoeur-Martineau 2018, section 4.1)."""
    return softplus(fake - real).mean()


def relativistic_g(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log sigma(D(G(z)) - D(x))]; with r fakes per real, real i is paired with the fakes from r i on."""
    return softplus(real.repeat_interleave(len(fake) // len(real)) - fake).mean()


def relativistic_average_d(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log sigma(D(x) - E D(G(z)))] - E[log(1 - sigma(D(G(z)) - E D(x)))] (Jolicoeur-Martineau 2018, section 4.2)."""
    return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


def relativistic_average_g(real: Tensor, fake: Tensor) -> Tensor:
    """The same with the parts exchanged; 2 ln 2 where D cannot tell."""
    return relativistic_average_d(fake, real)
