import numpy as np
import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.data.text_lines import TextLines, embedded, most_frequent, to_codes
from gan_lab.errors import InputError
from gan_lab.plot.lines import FIRST, PADDING, UNKNOWN, Lines

OPTIONS = {"num_classes": None, "batch_size": 2, "seed": 0}


@pytest.fixture
def module(tmp_path):
    """Makes the module of a text."""

    def make(text, length=4, vocabulary=8, **options):
        path = tmp_path / "text.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return TextLines(
            root=str(path), length=length, vocabulary=vocabulary, **OPTIONS | {"shape": [vocabulary, length]} | options
        )

    return make


def texts(module, dataset):
    return Lines(module.characters).decode(module.to_floats(dataset.images))


def test_lines_are_cut_padded_and_come_back(module):
    made = module("ab\n\n  \nabcdef\nba  \n" * 4, held_out_fraction=0.25)
    found = texts(made, made.train_set) + texts(made, made.held_out_set)
    assert sorted(found) == sorted(["ab", "abcd", "ba"] * 4)
    assert (len(made.train_set), len(made.held_out_set)) == (9, 3)
    assert made.train_set.images.dtype == torch.int16


def test_the_device_makes_them_one_hot(module):
    made = module("ab\nba\n" * 20)
    made.setup()
    (loaded, y), (numbers, _) = made.first_batch(), made.train_set[[0, 1]]
    assert y is None
    assert loaded.dtype == torch.float32 and loaded.shape == (2, 8, 4)
    for n, line in enumerate(numbers.tolist()):
        for position, channel in enumerate(line):
            assert loaded[n, :, position].tolist() == [float(c == channel) for c in range(8)]
    assert numbers[:, 2:].eq(PADDING).all()
    (evaluated, _) = next(made.batches(made.train_set, [0, 1], 2))
    assert torch.equal(evaluated, loaded)


def test_the_vocabulary_is_the_most_frequent_characters_of_the_training_lines_and_others_are_unknown(module, tmp_path):
    (tmp_path / "other.txt").write_text("zzzz\naz\n")
    made = module("aaab\naabc\n", vocabulary=FIRST + 2, held_out_root=str(tmp_path / "other.txt"))
    assert made.characters == "ba"
    a, b = FIRST + 1, FIRST
    assert made.train_set.images.tolist() == [[a, a, a, b], [a, a, b, UNKNOWN]]
    assert made.held_out_set.images.tolist() == [[UNKNOWN] * 4, [a, UNKNOWN, PADDING, PADDING]]
    assert texts(made, made.held_out_set) == ["����", "a�"]


def test_a_given_vocabulary_is_kept_whatever_the_text(module):
    made = module("xyz\n" * 20, characters="zq")
    assert made.resolved == {"characters": "zq"}
    assert texts(made, made.train_set)[0] == "��z"


def test_what_channels_and_positions_have_no_room_for_is_pointed_out(module):
    assert module("aabc\n" * 20).remarks == []
    unknown, cut = module("aabcdefg\n" * 20, vocabulary=FIRST + 1).remarks
    assert unknown == "WARNING: 50% of the characters are not in the vocabulary: data.vocabulary=5 has room for all"
    assert cut == "samples are cut to data.length=4; the longest has 8 characters"
    assert module("abcd\n" * 20, characters="a").remarks == ["WARNING: 75% of the characters are not in the vocabulary"]


def test_no_vocabulary_looks_like_an_interpolation():
    assert most_frequent(to_codes(["$${{}}ab"], 8), 8) == "}{ba$"


def test_frequency_decides_and_the_padding_is_no_character():
    lines = ["a" * 5 + "é" * 3 + "\U0001f600" * 4, "z"]
    assert most_frequent(to_codes(lines, 12), 3) == "\U0001f600éa"
    assert np.array_equal(to_codes(["ab"], 3), [[97, 98, 0]])


def test_the_split_is_the_same_in_every_run_and_shares_no_line(module):
    text = "".join(f"{number:04d}\n" for number in range(100))
    first, second = module(text, vocabulary=12, seed=0), module(text, vocabulary=12, seed=1)
    assert torch.equal(first.held_out_set.images, second.held_out_set.images)
    both = texts(first, first.train_set) + texts(first, first.held_out_set)
    assert sorted(both) == [f"{number:04d}" for number in range(100)]
    assert len(first.held_out_set) == 10
    assert first.fingerprint("train") != module(text.replace("0007", "0008"), vocabulary=12).fingerprint("train")


def test_a_byte_order_mark_and_windows_line_ends_are_no_text(module):
    made = module(b"\xef\xbb\xbfab\r\nab\r\n" * 1 + b"ab\r\n" * 30)
    assert made.characters == "ba"


def test_the_embedded_text_is_english_in_many_different_lines():
    lines = embedded(32)
    assert len(lines) == len(set(lines)) > 10_000
    assert max(map(len, lines)) == 32 and min(map(len, lines)) > 0
    assert sum(line.count(" the ") for line in lines) > 1_500
    made = TextLines(**OPTIONS, shape=[64, 32])
    made.setup()
    unknown = made.train_set.images.eq(UNKNOWN).sum() / made.train_set.images.gt(PADDING).sum()
    assert unknown < 0.005
    assert len(made.held_out_set) > 1_000


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (b"abc\xff", {}, r"text\.txt' is not UTF-8 \(byte 3\): convert it, or give another text file$"),
        ("\n \n", {}, r"text\.txt' holds no text: give a file with a sample on each line$"),
        ("", {}, r"text\.txt' holds no text"),
        ("ab\n" * 12, {}, r"has 12 lines with text, too few to hold out .*=0\.1 of them: give 20 or more, or"),
        ("ab\n" * 30, {"shape": [9, 4]}, r"data\.shape=\[9, 4\] does not fit the samples, .* use \+\+data\.shape=\[8,4\]$"),
        ("ab\n" * 30, {"characters": "abcdefghi"}, r"data\.characters holds 9 characters: use data\.vocabulary=11 or more"),
        ("ab\n" * 30, {"characters": "aba"}, r"data\.characters='aba' is no vocabulary: give each character once, or null"),
        ("ab\n" * 30, {"characters": ""}, r"data\.characters='' is no vocabulary"),
        ("ab\n" * 30, {"vocabulary": 2}, r"data\.vocabulary=2 leaves no channel to a character: give 3 or more"),
        ("ab\n" * 30, {"length": 0}, r"data\.length=0 is invalid"),
        ("ab\n" * 30, {"held_out_fraction": 1.0}, r"data\.held_out_fraction=1\.0 is invalid: give a number between 0 and 1$"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence_with_the_remedy(module, text, options, message):
    with pytest.raises(InputError, match=message):
        module(text, **options).setup()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"there is no text file '.*absent\.txt': give one by data\.root=FILE, or leave it out"
    ):
        TextLines(root=str(tmp_path / "absent.txt"), **OPTIONS, shape=[64, 32]).setup()


def test_data_choose_network_metric_and_display():
    cfg = compose("train", ["model=wgan_gp", "data=text_lines", "data.length=16"])
    targets = [cfg.network.generator._target_, cfg.metric.ngrams._target_, cfg.display._target_]
    assert [target.rsplit(".", 2)[1] for target in targets] == ["char_cnn", "ngrams", "lines"]
    assert list(cfg.network.generator.shape) == [64, 16]
