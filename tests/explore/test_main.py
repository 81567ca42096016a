import pytest

from gan_lab.explore import __main__ as command
from gan_lab.explore import page


def test_without_the_package_one_sentence_says_what_to_install(call, monkeypatch):
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'gan_lab\[explore\]'$"):
        call(command.main)


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [("checkpoint=last", "run= is missing"), ("run=nowhere", "there is no run folder or checkpoint 'nowhere'"),
     ("explore.port=99999", "explore.port=99999 is invalid")],
)  # fmt: skip
def test_bad_input_is_one_sentence(call, monkeypatch, argument, sentence):
    monkeypatch.setattr(page, "find_spec", lambda name: True)
    with pytest.raises(SystemExit, match=sentence):
        call(command.main, argument)
