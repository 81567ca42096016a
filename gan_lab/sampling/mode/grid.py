"""Samples in a grid."""

from gan_lab.sampling.mode import Sheet, SheetMode
from gan_lab.sampling.request import SampleRequest


class RandomSamples(SheetMode):
    """The samples 0 to n - 1, the classes in turn."""

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the samples."""
        gan, rows = request.gan, range(request.n)
        options = (request.seed, request.ema, request.classes, request.truncation)
        columns = len(request.classes) if request.classes else gan.columns
        return Sheet(request.batched(lambda part: gan.sample(rows[part], *options), request.n), columns, request.labels(rows))
