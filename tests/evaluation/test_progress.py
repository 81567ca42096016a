from gan_lab.evaluation.progress import progress


def test_a_bar_counts_the_images_of_all_processes(monkeypatch):
    monkeypatch.setattr("gan_lab.evaluation.progress.process", lambda: (0, 2))
    monkeypatch.setattr("rich.progress.Progress.advance", lambda self, task, count: told.append(count))
    told = []
    with progress() as begin:
        begin("reals", 100)(7)
    assert told == [14]
