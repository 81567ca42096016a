"""What a label changes: one latent with every class."""

from gan_lab.errors import InputError
from gan_lab.sampling.mode import Sheet, SheetMode
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.space import LatentSpace


class ClassTraversal(SheetMode):
    """n rows, each of one latent with the classes of ``classes=``, or with all."""

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the rows; `InputError` for a GAN without labels."""
        gan = request.gan
        if gan.labels([0]) is None:
            raise InputError("mode=classes needs a GAN that was trained with labels (model=cgan, ...): use mode=grid")
        columns = len(request.classes) if request.classes else gan.num_classes or gan.columns or 1
        y = request.labels([*range(columns)] * request.n)
        z = request.latents(range(request.n)).repeat_interleave(columns, 0)
        images = request.images(LatentSpace(gan, request.ema, request.truncation), z, y)
        names = [gan.class_names[int(each)] for each in y[:columns]] if gan.class_names and y is not None else []
        return Sheet(images, columns, y, {"columns": names} if names else {})
