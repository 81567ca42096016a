import pytest

from gan_lab.errors import InputError
from gan_lab.growth import Growth, Level


def test_each_level_trains_stably_and_then_fades_in_the_next():
    """Karras 2018: 600 thousand images each."""
    growth = Growth(32, total_images=10**8, images_per_level=1_200_000)
    expected = {
        0: Level(4),
        599_999: Level(4),
        600_000: Level(8, 0.0, fading=True),
        900_000: Level(8, 0.5, fading=True),
        1_200_000: Level(8),
        1_800_000: Level(16, 0.0, fading=True),
        2_400_000 + 600_000: Level(32, 0.0, fading=True),
        3_599_999: Level(32, 599_999 / 600_000, fading=True),
        3_600_000: Level(32),
        10**9: Level(32),
    }
    assert {seen: growth(seen) for seen in expected} == expected


@pytest.mark.parametrize(("fade", "middle"), [(0.0, Level(4)), (1.0, Level(8, 0.5, fading=True))])
def test_all_of_a_level_may_be_stable_or_a_fade(fade, middle):
    growth = Growth(8, total_images=10, images_per_level=100, fade=fade)
    assert (growth(50), growth(100)) == (middle, Level(8))


def test_by_default_the_last_level_starts_halfway_and_a_network_may_start_whole():
    growth = Growth(64, total_images=8000)
    assert growth(3999).fading
    assert growth(4000) == Level(64)
    assert Growth(8, total_images=100, start=8)(0) == Level(8)


def test_batches_and_rates_change_with_the_resolution_that_fades_in():
    growth = Growth(32, 100, images_per_level=100, batch_sizes={16: 8, 32: 4}, lr_factors={32: 1.5})
    seen = [0, 50, 149, 150, 249, 250, 300]
    assert [growth.batch_size(n, 16) for n in seen] == [16, 16, 16, 8, 8, 4, 4]
    assert [growth.lr_factor(n) for n in seen] == [1, 1, 1, 1, 1, 1.5, 1.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 12}, "by doubling: use 4, and a size that is a power of two"),
        ({"image_size": 8, "start": 16}, "does not grow to data.image_size=8"),
        ({"image_size": 8, "fade": 1.5}, "is no share of a level"),
    ],
)
def test_what_does_not_double_or_fade_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        Growth(total_images=100, **options)
