"""Adversarial losses: pure functions of D's logits.

Every ``*_d(real, fake)`` is D's loss, the sum of a term on reals and a term on fakes; every ``*_g(fake)`` is G's loss.
Relativistic losses compare reals with fakes, so they take both for G too. Logits have shape (N,) and no sigmoid applied; the
result is a scalar to minimise.
"""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus


def vanilla_d(real: Tensor, fake: Tensor, real_targets: Tensor | None = None, fake_targets: Tensor | None = None) -> Tensor:
    """Compute -E[log sigma(D(x))] - E[log(1 - sigma(D(G(z))))]; 2 ln 2 at D = 0 (Goodfellow 2014, eq. 1).

    Targets t (N,) that replace 1 for reals and 0 for fakes give -E[t log sigma(D) + (1 - t) log(1 - sigma(D))] for each.
    """
    if real_targets is None or fake_targets is None:
        return softplus(-real).mean() + softplus(fake).mean()
    return binary_cross_entropy_with_logits(real, real_targets) + binary_cross_entropy_with_logits(fake, fake_targets)


def vicinal_d(real: Tensor, fake: Tensor, real_weights: Tensor, fake_weights: Tensor) -> Tensor:
    """Compute -E[w log sigma(D(x))] - E[w log(1 - sigma(D(G(z))))] with weights w (N,) of each side (CcGAN, Ding 2021)."""
    return (real_weights * softplus(-real)).mean() + (fake_weights * softplus(fake)).mean()


def non_saturating_g(fake: Tensor) -> Tensor:
    """Compute -E[log sigma(D(G(z)))], with strong gradients where D is confident; ln 2 at D = 0 (Goodfellow 2014, sec. 3)."""
    return softplus(-fake).mean()


def saturating_g(fake: Tensor) -> Tensor:
    """Compute E[log(1 - sigma(D(G(z))))], G's side of the minimax game (Goodfellow 2014, eq. 1)."""
    return -softplus(fake).mean()


def kl_g(fake: Tensor) -> Tensor:
    """Compute -E[D(G(z))], whose gradient descends KL(generated || data) if D is optimal (Sønderby 2017)."""
    return -fake.mean()


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """Compute E[(D(x) - 1)^2] / 2 + E[D(G(z))^2] / 2 (Mao 2017, eq. 9: a = 0, b = c = 1)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_g(fake: Tensor) -> Tensor:
    """Compute E[(D(G(z)) - 1)^2] / 2 (Mao 2017, eq. 9)."""
    return (fake - 1).square().mean() / 2


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """Compute E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] (Lim & Ye 2017; Miyato 2018, eq. 16)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """Compute E[D(G(z))] - E[D(x)], the negative of the critic's objective (Arjovsky 2017, eq. 3)."""
    return fake.mean() - real.mean()


def wasserstein_g(fake: Tensor) -> Tensor:
    """Compute -E[D(G(z))] (Arjovsky 2017, theorem 3), also G's loss in the hinge GAN (Miyato 2018, eq. 17)."""
    return -fake.mean()


def relativistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """Compute -E[log sigma(D(x) - D(G(z)))] over pairs; ln 2 at D = 0 (Jolicoeur-Martineau 2018, section 4.1)."""
    return softplus(fake - real).mean()


def relativistic_g(real: Tensor, fake: Tensor) -> Tensor:
    """Compute -E[log sigma(D(G(z)) - D(x))] over pairs; with r fakes per real, real i is paired with r fakes from r i on."""
    return softplus(real.repeat_interleave(len(fake) // len(real)) - fake).mean()


def relativistic_average_d(real: Tensor, fake: Tensor) -> Tensor:
    """Compute -E[log sigma(D(x) - E D(G(z)))] - E[log(1 - sigma(D(G(z)) - E D(x)))] (Jolicoeur-Martineau 2018, sec. 4.2)."""
    return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


def relativistic_average_g(real: Tensor, fake: Tensor) -> Tensor:
    """Compute `relativistic_average_d` with reals and fakes exchanged; 2 ln 2 at D = 0."""
    return relativistic_average_d(fake, real)
