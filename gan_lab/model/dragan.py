"""Deep regret analytic GAN (Kodali 2017, https://arxiv.org/abs/1705.07215)."""

from gan_lab.model.gan import GAN


class DRAGAN(GAN):
    """Goodfellow's losses with a penalty that keeps D's gradient at norm 1 around the data.

    The penalty is ``penalty=dragan`` (`gan_lab.penalties.Dragan`), which this model's configuration chooses.

    Differs from the paper: D has no BatchNorm, under which a logit would depend on the whole batch; for the noise see the
    penalty.
    """

    batch_dependent = True  # the penalty's noise is as wide as the batch
