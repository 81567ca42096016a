import pytest

from gan_lab.data.text_words import TextWords, words
from gan_lab.errors import InputError
from gan_lab.plot.lines import Lines


def module(tmp_path, text):
    path = tmp_path / "text.txt"
    path.write_text(text)
    return TextWords(root=str(path), length=4, vocabulary=10, shape=[10, 4], num_classes=None, batch_size=2, seed=0)


def test_words_are_runs_of_letters():
    assert words("The naïve_cat's 2nd, a.b") == ["the", "naïve", "cat", "s", "nd", "a", "b"]


def test_each_occurrence_is_a_sample_cut_to_the_length(tmp_path):
    made = module(tmp_path, "It is it,\n\nisn't abcdef\n" * 4)
    samples = [*made.train_set.images, *made.held_out_set.images]
    found = [text for one in samples for text in Lines(made.characters).decode(made.to_floats(one[None]))]
    assert sorted(found) == sorted(["it"] * 8 + ["is", "isn", "t", "abcd"] * 4)


def test_a_text_without_letters_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"text\.txt' holds no letters: give a file with words, or use data=text_lines"):
        module(tmp_path, "1 + 1\n").setup()
