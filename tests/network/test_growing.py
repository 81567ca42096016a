import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from gan_lab.errors import InputError
from gan_lab.growth import Level
from gan_lab.network import pggan, stylegan
from gan_lab.network.growing import GrowthLevel

PAIRS = {
    "pggan": lambda: (pggan.Generator(5, 2, 16, width=8), pggan.Discriminator(2, 16, width=8)),
    "stylegan": lambda: (stylegan.Generator(5, 2, 16, width=8, style_dim=6), stylegan.Discriminator(2, 16, width=8)),
}


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture(params=PAIRS)
def pair(request):
    torch.manual_seed(0)
    return PAIRS[request.param]()


def put(network, *level, **options):
    for module in network.modules():
        if isinstance(module, GrowthLevel):
            module.set(Level(*level, **options))


def test_a_pair_works_at_every_resolution(pair):
    g, d = pair
    for resolution in (4, 8, 16):
        put(g, resolution)
        put(d, resolution)
        images = g(normal(4, 5))
        assert images.shape == (4, 2, resolution, resolution)
        assert d(images).shape == (4,)
        assert d.features(images).shape == (4, d.num_features)
        torch.testing.assert_close(d(interpolate(images, scale_factor=16 // resolution)), d(images))


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_fade_begins_as_the_lower_level_and_ends_as_the_higher(pair, resolution):
    g, d = pair
    z, real = normal(4, 5), normal(4, 2, resolution, resolution)
    made, judged = [], []
    for level in (
        Level(resolution // 2),
        Level(resolution, 0.0, fading=True),
        Level(resolution, 1.0, fading=True),
        Level(resolution),
    ):
        put(g, level.resolution, level.alpha, fading=level.fading)
        put(d, level.resolution, level.alpha, fading=level.fading)
        made.append(g(z))
        judged.append(d(d.level.reals(real)))
    torch.testing.assert_close(made[1], interpolate(made[0], scale_factor=2))
    torch.testing.assert_close(made[2], made[3])
    torch.testing.assert_close(judged[1], judged[0])
    torch.testing.assert_close(judged[2], judged[3])
    assert not torch.equal(made[1], made[2])


def test_in_evaluation_images_have_the_final_size(pair):
    g, _ = pair
    put(g.eval(), 8, 0.25, fading=True)
    images = g(100 * normal(3, 5))
    assert images.shape == (3, 2, 16, 16)
    torch.testing.assert_close(images, interpolate(avg_pool2d(images, 2), scale_factor=2))
    assert images.abs().max() <= 1


def test_reals_are_averaged_and_blended_with_the_same_alpha():
    level, images = GrowthLevel(8), normal(2, 1, 8, 8)
    assert level.reals(images) is images
    level.set(Level(4, 0.25, fading=True))
    at4, at2 = images.view(2, 1, 4, 2, 4, 2).mean((3, 5)), images.view(2, 1, 2, 4, 2, 4).mean((3, 5))
    lower = at2.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(level.reals(images), 0.75 * lower + 0.25 * at4)


def test_a_level_is_in_the_state_and_says_when_other_blocks_are_in_use():
    level, other = GrowthLevel(16), GrowthLevel(16)
    assert not level.set(Level(16))
    assert level.set(Level(8))
    assert level.set(Level(16, 0.1, fading=True))
    assert not level.set(Level(16, 0.2, fading=True))
    other.load_state_dict(level.state_dict())
    assert (other.resolution, other.fading, other.alpha.item()) == (16, True, pytest.approx(0.2))


@pytest.mark.parametrize(("size", "larger"), [(4, 8), (12, 16), (48, 64)])
def test_other_sizes_are_refused(size, larger):
    with pytest.raises(InputError, match=f"powers of two from 8 on.*use {larger}"):
        GrowthLevel(size)
