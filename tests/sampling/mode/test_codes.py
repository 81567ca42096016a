import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.mode.codes import CodeTraversal
from tests.sampling.runs import request


def test_each_row_changes_one_code_and_nothing_else():
    asked = request("infogan", n=2)
    codes, columns = asked.gan.codes, asked.gan.columns
    sheet = CodeTraversal()(asked)
    kinds = len(codes.categories) + codes.continuous
    assert sheet.columns == columns and len(sheet.samples) == 2 * kinds * columns
    z = asked.latents([1]).repeat(columns, 1)
    codes.sweep(z, kinds - 1)
    torch.testing.assert_close(sheet.samples[-columns:], asked.gan.generate(z))
    assert sheet.facts["rows"][:kinds] == ["categorical of 10"] + ["continuous"] * (kinds - 1)


def test_a_gan_without_codes_is_refused():
    with pytest.raises(InputError, match="mode=codes needs a GAN whose latents end in codes"):
        CodeTraversal()(request())
