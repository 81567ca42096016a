from gan_lab.benchmark import step


def test_the_ratio_is_the_median_over_rounds():
    assert step.ratio([2.0, 4.0, 100.0], [1.0, 4.0, 10.0]) == 2.0
