import sys

import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.format.mp4 import MP4
from gan_lab.sampling.mode import Sheet
from gan_lab.sampling.mode.walk import Walk
from gan_lab.sampling.path import Default
from tests.sampling.runs import request


def test_a_video_has_a_frame_for_each_step(tmp_path):
    import av

    levels = torch.tensor([-1.0, 0.0, 1.0] * 2).view(6, 1, 1, 1).expand(-1, 1, 9, 9)
    path = MP4(fps=12)(Sheet(levels, 3), request(mode="walk"), tmp_path)
    with av.open(path) as video:
        (stream,) = video.streams.video
        frames = [frame.to_ndarray(format="gray") for frame in video.decode(stream)]
    assert float(stream.average_rate) == 12 and len(frames) == 3
    assert frames[0].mean() < 30 and frames[2].mean() > 200


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"pip install 'gan_lab\[video\]', or use format=gif"):
        MP4().check(Walk(Default()), "walk")
