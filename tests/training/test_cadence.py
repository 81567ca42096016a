import pytest

from gan_lab.training.cadence import is_due, steps
from tests.tiny import fit, tiny
from tests.toy import Watch


@pytest.mark.parametrize(("batch", "images", "expected"), [(4, 12, 3), (4, 13, 4), (64, 1, 1), (64, 12_000, 188)])
def test_an_interval_is_rounded_up_to_whole_steps(batch, images, expected):
    assert steps(batch, images) == expected


def test_what_is_due_depends_on_position_alone(tmp_path):
    def watch():
        return Watch(lambda gan: (gan.images_seen, is_due(gan.trainer, gan, 10)))

    whole, half, rest = watch(), watch(), watch()
    fit(tiny(images=36), whole)
    fit(tiny(images=16), half).trainer.save_checkpoint(tmp_path / "half.ckpt")
    fit(tiny(images=36), rest, ckpt_path=tmp_path / "half.ckpt")
    assert [seen for seen, due in whole.seen if due] == [12, 24, 36]
    assert half.seen + rest.seen == whole.seen
