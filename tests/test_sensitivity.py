import json

import pytest
import torch
from hydra.utils import instantiate

from gan_lab import sensitivity
from gan_lab.cli.command import compose
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.features import extract


def test_whatever_is_wrong_with_images_raises_both_distances_in_order(call, capsys):
    folder = call(sensitivity.main)
    content = json.loads((folder / "sensitivity.json").read_text())
    rows = content["rows"]
    floor = rows.pop("held-out images")
    assert rows.pop("training images")["fd_digits8"] == pytest.approx(0, abs=1e-9)
    for name in ("fd_digits8", "kd_digits8"):
        for kind in ("noise", "blur", "classes"):
            values = [floor[name], *(row[name] for title, row in rows.items() if kind in title)]
            assert len(values) > 3
            assert values == sorted(values), (name, kind)
    assert [row["images"] for title, row in rows.items() if "of 10 classes" in title] == [481, 294, 116]
    assert "blur of 0.75 pixels" in capsys.readouterr().out


def test_spoilt_images_are_the_same_on_any_batch_size_and_in_any_order():
    cfg = compose("sensitivity", ["num=20"])
    data = instantiate(cfg.data, batch_size=1)
    for name, source in sensitivity.corrupted(data, cfg).items():
        one, other = (
            extract(source, Pixels(), size, torch.device("cpu"), lambda count: None).features for size in (20, len(source))
        )
        assert torch.equal(one, other), name


def test_noise_has_the_standard_deviation_asked_for():
    grey = torch.full((50, 1, 8, 8), 128, dtype=torch.uint8)
    assert (sensitivity.noisy(0.2, grey, range(50)) / 127.5).std().item() == pytest.approx(0.2, rel=0.05)
    assert torch.equal(sensitivity.blurred(1.0, grey, range(50)), grey)
