import json

import pytest

from gan_lab import sensitivity


@pytest.mark.slow
def test_whatever_is_wrong_with_images_raises_both_distances_in_order(call, capsys):
    folder = call(sensitivity.main)
    content = json.loads((folder / "sensitivity.json").read_text())
    rows = content["rows"]
    real = rows.pop("held-out images")
    assert rows.pop("training images")["fd_digits8"] == pytest.approx(0, abs=1e-9)
    for name in ("fd_digits8", "kd_digits8"):
        for kind in ("noise", "blur", "classes"):
            values = [real[name], *(row[name] for title, row in rows.items() if kind in title)]
            assert len(values) > 3
            assert values == sorted(values), (name, kind)
    assert [row["images"] for title, row in rows.items() if "of 10 classes" in title] == [481, 294, 116]
    assert "blur of 0.75 pixels" in capsys.readouterr().out
