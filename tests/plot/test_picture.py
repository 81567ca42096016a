import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from gan_lab.plot.picture import save_picture


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


def test_vectors_are_one_line_each_and_no_number_fails_the_picture(tmp_path):
    up, _ = inked(saved(torch.linspace(-1, 1, 16).expand(1, 16), tmp_path / "a.png"))
    flat, _ = inked(saved(torch.zeros(1, 16), tmp_path / "b.png"))
    assert len(up) > 10 * len(flat) > 0
    for number, samples in enumerate([torch.full((4, 1, 8), torch.nan), torch.zeros(4, 1), torch.zeros(3, 1, 1, 1)]):
        assert saved(samples, tmp_path / f"{number}.png").numel()


def test_points_in_a_vector_are_points(tmp_path):
    points = torch.rand(5, 2)
    assert torch.equal(saved(points, tmp_path / "a.png"), saved(points.view(5, 2, 1, 1), tmp_path / "b.png"))
