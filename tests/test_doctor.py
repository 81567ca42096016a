import shutil

import pytest

from gan_lab import doctor

QUICK = ["benchmark.seconds=0.01", "network.generator.width=8", "network.discriminator.width=8", "trainer.accelerator=cpu"]


@pytest.fixture
def examined(call, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*overrides):
        call(doctor.main, *QUICK, *overrides)
        return capsys.readouterr().out

    return run


def test_every_item_is_found_or_has_a_remedy_and_the_verdict_is_the_last_line(examined, tmp_path):
    text = examined()
    words = ["gan_lab ", "torch ", "bf16 ", "data=celeba", "extractor=inception", "without a network put it into", "offline"]
    for word in [*words, "GiB free", "images/s (float32"]:
        assert word in text
    assert text.splitlines()[-1].startswith("verdict: ready; 120,000 images of 8x8")
    assert not list(tmp_path.iterdir())  # it writes nothing


def test_data_that_are_there_need_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_LAB_DATA", str(tmp_path))
    (tmp_path / "celeba").mkdir()
    rows = {item: (found, remedy) for item, found, remedy in doctor.data_sets()}
    assert rows["data=celeba"] == (str(tmp_path / "celeba"), "")
    assert rows["data=cifar10"][0] == "not there" and "https://www.cs.toronto.edu" in rows["data=cifar10"][1]


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("usage", (), {"free": 2**20}))
    assert [row[2] for row in doctor.places() if row[0] == "disk"] == ["make room, or work in another folder"]


def test_a_run_that_cannot_be_trained_ends_with_status_1_and_its_sentence(examined, capsys):
    with pytest.raises(SystemExit) as exit_:
        examined("data.batch_size=100000")
    assert exit_.value.code == 1
    assert "verdict: this machine cannot train it: data.batch_size=100000 does not fit" in capsys.readouterr().out
