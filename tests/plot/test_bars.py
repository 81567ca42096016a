from matplotlib.image import imread

from gan_lab.plot.bars import save_bars


def test_a_chart_grows_with_its_bars_and_may_lack_some(tmp_path):
    few = {"gan": {"plain": (1.0, 0.1), "fast": (3.0, 0.2)}}
    many = few | {f"model{n}": {"fast": (2.0, 0.0)} for n in range(9)}
    for name, groups in (("few", few), ("many", many), ("none", {"gan": {}})):
        save_bars(groups, "ratio", tmp_path / f"{name}.png")
    few_pixels, many_pixels, none = (imread(tmp_path / f"{name}.png") for name in ("few", "many", "none"))
    assert many_pixels.shape[0] > few_pixels.shape[0] > none.shape[0]
    assert len({tuple(pixel) for pixel in few_pixels[::4, ::4].reshape(-1, 4).round(2)}) > 3  # two colours of bars
