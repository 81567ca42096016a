import pytest
from hydra.utils import get_class

from gan_lab.cli.libraries import LIBRARIES


@pytest.mark.parametrize(
    ("target", "library"), [("torch.optim.Adam", "torch.optim"), ("lightning.Trainer", "lightning.pytorch.trainer")]
)
def test_a_library_is_found_by_the_module_of_its_classes(target, library):
    assert get_class(target).__module__.startswith(library) and library in LIBRARIES
