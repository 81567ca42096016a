from collections import Counter

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from gan_lab.plot.picture import IMAGES, POINTS, SIGNALS, TABLE, Target, kind_of, save_picture


def saved(samples, path, **options):
    save_picture(samples, path, **options)
    return pil_to_tensor(Image.open(path))


def test_a_grid_holds_each_image_once_enlarged_without_blur(tmp_path):
    images = torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1, 1).repeat(1, 1, 8, 8)
    images[:, :, 3] = 0.5
    picture, zoom = saved(images, tmp_path / "a.png", columns=3), 512 // 24
    side = 8 * zoom
    assert picture.shape == (3, side + 4, 3 * (side + 2) + 2)
    for index, image in enumerate(images):
        left = 2 + index * (side + 2)
        tile = picture[:, 2 : 2 + side, left : left + side].float()
        expected = (image + 1).mul(127.5).repeat_interleave(zoom, 1).repeat_interleave(zoom, 2).expand(3, -1, -1)
        torch.testing.assert_close(tile, expected, atol=1, rtol=0)


def test_grids_are_square_unless_asked_and_large_images_keep_their_size(tmp_path):
    assert saved(torch.zeros(9, 3, 300, 300), tmp_path / "a.png").shape == (3, 3 * 302 + 2, 3 * 302 + 2)


def test_colour_stays_colour(tmp_path):
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert saved(red, tmp_path / "a.png")[:, 100, 100].tolist() == [255, 0, 0]


def test_points_are_drawn_where_they_are(tmp_path):
    right, left = (saved(torch.tensor([x, 0.0]).view(1, 2, 1, 1), tmp_path / f"{x}.png")[:3] for x in (1.0, -1.0))
    moved = (right != left).any(0).nonzero()[:, 1]
    assert moved.min() < 200 < moved.max()
    assert right.shape == (3, 400, 400)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_points_are_drawn_over_reals_and_none_is_clipped(tmp_path, scale):
    corners = scale * torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [5.0, 5.0]])
    reals = scale * torch.tensor([[0.0, 0.0], [-2.0, 0.0]])
    picture = saved(corners, tmp_path / "a.png", target=Target(reals))[:3]
    blue, grey = picture[2] > picture[0].int() + 20, (picture == 153).all(0)

    def spots(mask):
        return len({(int(y) // 12, int(x) // 12) for y, x in mask.nonzero()})

    assert 4 <= spots(blue) <= 16 and 2 <= spots(grey) <= 8
    assert blue.any(0).nonzero().min() > grey.any(0).nonzero().min()  # the reals reach further to the left


def test_the_centres_of_modes_are_marked_whole_in_a_window_that_holds_them(tmp_path):
    centres = torch.tensor([[-3.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    picture = saved(torch.zeros(8, 2), tmp_path / "a.png", target=Target(torch.zeros(4, 2), centres))[:3].int()
    is_red = (picture[0] > picture[2] + 60) & (picture[0] > picture[1] + 60)
    y, x = is_red.nonzero().T
    marks = [(y[part], x[part]) for part in (x < 100, x > 300, (x >= 100) & (x <= 300))]
    sizes = [(int(up.max() - up.min()), int(across.max() - across.min())) for up, across in marks]
    assert len(set(sizes)) <= 2 and max(map(max, sizes)) - min(map(min, sizes)) <= 1  # each as large as the others


def inked(picture):
    """Rows and columns of a picture where anything is drawn."""
    drawn = (picture[:3] != 255).any(0)
    return drawn.any(1).nonzero().flatten(), drawn.any(0).nonzero().flatten()


def test_a_signal_has_a_cell_of_the_grid_and_a_line_per_channel(tmp_path):
    signals = torch.stack([torch.linspace(-1, 1, 32), torch.linspace(1, -1, 32)]).expand(4, 2, 32)
    picture = saved(signals, tmp_path / "a.png", columns=2)
    colours = {tuple(pixel) for pixel in picture[:3].flatten(1).T.tolist()}
    assert {(31, 119, 180), (255, 127, 14)} <= colours  # matplotlib's first two
    up, across = inked(picture)
    gaps = [int((positions.diff() > 3).sum()) for positions in (up, across)]
    assert gaps == [1, 1]  # two rows of two cells


def test_no_number_fails_the_picture(tmp_path):
    for number, samples in enumerate([torch.full((4, 1, 8), torch.nan), torch.full((4, 3), torch.nan), torch.zeros(4, 1),
                                      torch.zeros(3, 1, 1, 1), torch.zeros(1, 16), torch.full((4, 1), 1e4)]):  # fmt: skip
        assert saved(samples, tmp_path / f"{number}.png").numel()


def test_a_table_is_a_panel_for_each_feature_and_each_pair_beside_reals(tmp_path):
    x, reals = torch.randn(200, 3), torch.randn(200, 3)
    alone, compared = saved(x, tmp_path / "a.png"), saved(x, tmp_path / "b.png", target=Target(reals))
    colours = [Counter(tuple(pixel) for pixel in picture[:3].flatten(1).T.tolist()) for picture in (alone, compared)]
    assert all(each[31, 119, 180] > 100 for each in colours)  # blue
    assert colours[1][153, 153, 153] > 1000 > 20 * colours[0][153, 153, 153]  # grey histograms
    frames = (alone[:3] == 0).all(0)  # of 3 + 2 + 1 panels: those of the last row are below each other's left edges
    assert (frames.sum(0) > 300).sum() >= 2


def test_one_place_says_how_a_shape_is_shown():
    shapes = {(3, 8, 8): IMAGES, (1, 4, 6): IMAGES, (2, 1, 1): POINTS, (2,): POINTS, (2, 16): SIGNALS, (7,): TABLE, (1,): TABLE}
    assert {shape: kind_of(shape) for shape in shapes} == shapes
    assert [kind.compares for kind in (IMAGES, POINTS, SIGNALS, TABLE)] == [False, True, False, True]


def test_points_of_a_column_share_a_colour(tmp_path):
    points = torch.tensor([[0.5, 0.0], [-0.5, 0.0]]).repeat(8, 1)
    one, two = (len({tuple(p) for p in saved(points, tmp_path / "a.png", columns=n)[:3].flatten(1).T.tolist()}) for n in (1, 2))
    assert two > one


def test_points_in_a_vector_are_points(tmp_path):
    points = torch.rand(5, 2)
    assert torch.equal(saved(points, tmp_path / "a.png"), saved(points.view(5, 2, 1, 1), tmp_path / "b.png"))
