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
