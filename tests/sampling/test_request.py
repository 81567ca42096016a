import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.request import check_memory
from tests.sampling.runs import request


def test_images_are_the_same_on_any_batch_size():
    made = []
    for size in (2, 50):
        asked = request("cgan", batch_size=size)
        made.append(asked.images(asked.space(), asked.latents(range(5)), asked.labels(range(5))))
    torch.testing.assert_close(*made)
    torch.testing.assert_close(made[0], asked.gan.sample(5, seed=0))


def test_the_spread_is_that_of_the_space():
    assert request().spread(request().space()) == pytest.approx(1, abs=0.02)  # normal latents
    styles = request("stylegan2")
    assert styles.space().name == "w" and styles.spread(styles.space()) != pytest.approx(1, abs=0.02)


def test_more_than_the_memory_holds_is_refused():
    check_memory(10, (3, 8, 8), "n=10")
    with pytest.raises(InputError, match=r"n=9 takes .* GiB, and this machine has"):
        check_memory(10**12, (3, 8, 8), "n=9")
