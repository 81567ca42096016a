"""Codes of InfoGAN (Chen 2016, https://arxiv.org/abs/1606.03657)."""

from gan_lab.errors import InputError
from gan_lab.model.infogan import InfoGAN
from gan_lab.sampling.mode import Sheet, SheetMode
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.space import LatentSpace


class CodeTraversal(SheetMode):
    """A row for each code of each of n latents, along which the code takes its values and all else stays."""

    reads = ("truncation",)

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the rows; `InputError` for a GAN without codes."""
        gan = request.gan
        if not isinstance(gan, InfoGAN):
            raise InputError("mode=codes needs a GAN whose latents end in codes (model=infogan): use mode=directions")
        kinds = [f"categorical of {k}" for k in gan.codes.categories] + ["continuous"] * gan.codes.continuous
        columns, space = gan.columns, LatentSpace(gan, request.ema, request.truncation)
        z = request.latents(range(request.n))[:, None, None].repeat(1, len(kinds), columns, 1)
        for latent in z:
            for number, row in enumerate(latent):
                gan.codes.sweep(row, number)
        return Sheet(request.images(space, z.flatten(0, 2), None), columns, None, {"rows": kinds * request.n})
