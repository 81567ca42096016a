"""The examples of gan_lab/README.md that are no command; the commands run in tests/system/test_readme.py."""

import re

import pytest
import torch

import gan_lab
from gan_lab.cli.compose import PACKAGE
from gan_lab.errors import InputError
from tests.stranger.lab import SMALL, TINY

LIBRARY = re.findall(r"```python\n(?!# my_)(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)


def test_the_examples_of_library_use_run_one_after_the_other(lab):
    lab.train(*TINY, *SMALL, "data.num_classes=5", "model=cgan", run="RUN")
    names, seen = {}, []
    for example in LIBRARY:
        exec(example, names)
        seen.append(dict(names))
    loaded, trained, formulas = seen
    assert loaded["images"].shape == (16, 1, 8, 8)
    assert torch.equal(loaded["images"], gan_lab.load("RUN/checkpoints/last.ckpt").sample(range(16), classes=[3]))
    with pytest.raises(InputError) as error:
        loaded["gan"].sample(16, classes=["7"])
    assert str(error.value) == "classes=['7']: there is no class 7, use 0 to 4"
    assert (trained["gan"].g_steps_done, trained["gan"].images_seen) == (8, 512)
    weight = formulas["critic"].weight
    assert torch.allclose(formulas["penalty"], (weight.norm() - 1).square())
    assert formulas["loss"].requires_grad
