from gan_lab.logger.csv import CsvLogger, read


def test_rows_with_other_columns_share_one_table(tmp_path):
    path = tmp_path / "metrics.csv"
    logger = CsvLogger(path)
    rows = [{"images_seen": 1, "a": 0.5}, {"images_seen": 2, "b": 0.25}, {"images_seen": 3, "a": 1.0}]
    for row in rows:
        logger.log_metrics(row)
    assert read(path) == rows


def test_a_resumed_run_appends_and_drops_what_it_will_see_again(tmp_path):
    path = tmp_path / "metrics.csv"
    first = CsvLogger(path)
    for images in (10, 20, 30):
        first.log_metrics({"images_seen": images})
    CsvLogger(path, resumed_at=20).log_metrics({"images_seen": 25, "new": 1.5})
    assert read(path) == [{"images_seen": 10}, {"images_seen": 20}, {"images_seen": 25, "new": 1.5}]


def test_numbers_come_back_to_the_last_digit(tmp_path):
    path, value = tmp_path / "metrics.csv", 0.1 + 0.2
    CsvLogger(path).log_metrics({"images_seen": 1, "x": value})
    assert read(path)[0]["x"] == value
