import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from gan_lab.cli.compose import compose
from gan_lab.data.array import ArrayFile
from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError

RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(40, 2, 9)).astype("float32")


def saved(folder, name="file", **arrays):
    """Write one array as .npy, or several as .npz."""
    path = folder / f"{name}{'.npz' if len(arrays) > 1 or 'x' not in arrays else '.npy'}"
    np.savez(path, **arrays) if path.suffix == ".npz" else np.save(path, arrays["x"])
    return str(path)


def opened(root, **options):
    data = ArrayFile(root, **{"batch_size": 4, "seed": 0} | options)
    data.setup()
    return data


def rows(dataset):
    return dataset.__getitems__(list(range(len(dataset))))


def refused(root, **options):
    with pytest.raises(InputError) as error:
        opened(root, **options)
    return str(error.value).replace(str(root), "FILE")


# ----- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(6,), (2, 9), (3, 4, 4), (1, 4, 6), (2, 1, 1)], ids=str)
def test_any_shape_and_type_arrives_as_float32_every_row_in_one_of_two_sets(tmp_path, shape, dtype):
    array = RNG.integers(0, 256, (20, *shape)) if dtype == "uint8" else RNG.uniform(-1, 1, (20, *shape))
    data = opened(saved(tmp_path, x=array.astype(dtype)))
    assert (data.shape, data.channels, data.num_classes, data.label_dim) == (shape, shape[0], None, None)
    assert data.image_size == {(3, 4, 4): 4, (1, 4, 6): [4, 6], (2, 1, 1): 1}.get(shape)
    sets = [data.on_after_batch_transfer(rows(part), 0) for part in (data.train_set, data.held_out_set)]
    assert [len(samples) for samples, _ in sets] == [18, 2]
    together = torch.cat([samples for samples, _ in sets]).flatten(1)
    stated = torch.from_numpy(array.astype(dtype))
    expected = (to_unit(stated) if dtype == "uint8" else stated.float()).flatten(1)
    assert together.dtype == torch.float32
    assert sorted(together.tolist()) == sorted(expected.tolist())


def test_the_two_sets_are_the_same_in_every_run_and_may_be_two_files(tmp_path):
    root, other = saved(tmp_path, x=SIGNALS), saved(tmp_path, "other", x=SIGNALS[:7])
    assert torch.equal(*(rows(opened(root, seed=seed).held_out_set)[0] for seed in (0, 1)))
    data = opened(root, held_out_root=other)
    assert (len(data.train_set), len(data.held_out_set)) == (40, 7)
    assert len(opened(root, held_out_fraction=0.5).held_out_set) == 20


def test_a_range_becomes_minus_one_to_one_for_all_or_for_each_feature(tmp_path):
    table = np.array([[0, 10], [5, 30], [10, 20]], "float32")
    for given, expected in (([0, 30], table / 15 - 1), ([[0, 10], [10, 30]], [[-1, -1], [0, 1], [1, 0]])):
        data = opened(saved(tmp_path, x=table), range=given, held_out_root=saved(tmp_path, x=table), batch_size=1)
        torch.testing.assert_close(rows(data.train_set)[0], torch.tensor(np.asarray(expected), dtype=torch.float32))
    bits = opened(saved(tmp_path, x=np.array([[0, 1]] * 4, "uint8")), range=[0, 1], batch_size=1)
    assert rows(bits.train_set)[0][0].tolist() == [-1, 1]


def test_the_fingerprint_changes_with_the_file_and_with_what_it_is_read_as(tmp_path):
    same, moved = saved(tmp_path, x=SIGNALS), saved(tmp_path, "moved", x=SIGNALS)
    other = saved(tmp_path, "other", x=SIGNALS + 1)
    prints = [opened(root, **more).fingerprint("train") for root, more in (
        (same, {}), (moved, {}), (other, {}), (same, {"range": [-9, 9]}), (same, {"held_out_fraction": 0.2}))]  # fmt: skip
    assert prints[0] == prints[1]
    assert len({str(each) for each in prints}) == 4


# ----- labels ------------------------------------------------------------------------------------------------------------


def test_whole_numbers_are_classes_and_floats_conditions_unless_asked(tmp_path):
    y = np.arange(40) % 3
    whole, single, several = (
        saved(tmp_path, name, x=SIGNALS, y=labels)
        for name, labels in (("whole", y), ("single", y / 3), ("several", np.stack([y, -y], 1) / 3))
    )
    known = {root: (opened(root).num_classes, opened(root).label_dim) for root in (whole, single, several)}
    assert [*known.values()] == [(3, None), (None, 1), (None, 2)]
    samples, labels = rows(opened(whole).train_set)
    number = {tuple(x.flatten().tolist()): label for x, label in zip(SIGNALS, y, strict=True)}
    assert [number[tuple(x.flatten().tolist())] for x in samples] == labels.tolist()
    assert labels.dtype == torch.int64
    numbers = next(iter(opened(whole, condition="regression").train_dataloader()))[1]
    assert (numbers.dtype, numbers.shape) == (torch.float32, (4, 1))
    unlabelled = opened(several, condition="none")
    assert next(iter(unlabelled.train_dataloader()))[1] is None
    assert opened(whole, num_classes=5).num_classes == 5


# ----- what is refused ---------------------------------------------------------------------------------------------------


def with_value(value, shape=(20, 2, 9)):
    array = RNG.uniform(-1, 1, shape)
    array[7, 1] = value
    return array


@pytest.mark.parametrize(
    ("arrays", "options", "sentence"),
    [
        ({"x": np.array([{}, {}])}, {}, "'FILE' is broken, or holds Python objects, which are never loaded"),
        ({"x": np.zeros((5, 3), "int64")}, {}, "'FILE' holds int64: save it as uint8 or float32, by array.astype('float32')"),
        ({"x": np.zeros((5, 3), ">f4")}, {}, "'FILE' holds >f4: save it"),
        ({"x": np.zeros(5)}, {}, "'FILE' holds an array of shape (5,): data are (N, F), (N, C, L), (N, C, H, W)"),
        ({"x": np.zeros((0, 5))}, {}, "'FILE' holds an array of shape (0, 5)"),
        ({"x": np.zeros((5, 8, 8, 3), "uint8")}, {}, "channels last: save array.transpose(0, 3, 1, 2)"),
        ({"x": np.zeros((1, 5))}, {}, "'FILE' has a single row: add more"),
        ({"x": with_value(np.nan)}, {}, "'FILE' holds values that are NaN or infinite in float32: leave such rows out, or"),
        ({"x": with_value(np.inf)}, {}, "'FILE' holds values that are NaN or infinite"),
        ({"x": with_value(1e300)}, {}, "'FILE' holds values that are NaN or infinite in float32"),
        ({"x": with_value(7.0)}, {"range": [-1, 1]}, "to 7, outside data.range=[-1, 1]: give data.range=["),
        ({"x": with_value(7.0, (20, 3, 4, 4))}, {}, "to 7, and images are taken to [-1, 1]: give data.range=["),
        ({"x": np.abs(with_value(1.0, (20, 3, 4, 4)))}, {}, "data.range=[-1,1] if they are there already"),
        ({"x": SIGNALS}, {"range": [1, 0]}, "data.range=[1, 0] is invalid: give [LOW,HIGH], the lower one first"),
        ({"x": SIGNALS}, {"range": ["a", "b"]}, "data.range=['a', 'b'] is invalid"),
        ({"x": SIGNALS}, {"range": [[0, 0, 0], [1, 1, 1]]}, "each a number or a list of 2, one for each channel or feature"),
        ({"x": SIGNALS}, {"flip": True}, "data.flip and data.dequantize are for images of uint8 in [0, 255]"),
        ({"x": SIGNALS}, {"held_out_fraction": 1.0}, "data.held_out_fraction=1.0 must lie between 0 and 1"),
        ({"x": SIGNALS}, {"condition": "classes"}, "data.condition=classes needs labels, and 'FILE' has none"),
        ({"x": SIGNALS}, {"condition": "clases"}, "did you mean 'classes'?"),
        ({"x": SIGNALS}, {"batch_size": 50}, "data.batch_size=50 does not fit 36 training samples"),
        ({"a": SIGNALS, "b": SIGNALS}, {}, "'FILE' holds a, b and no x: give data.key=NAME data.label_key=NAME"),
        ({"x": SIGNALS, "y": np.zeros(39)}, {}, "'FILE' holds 40 rows and 39 labels: give each row one"),
        ({"x": SIGNALS, "y": np.array(3)}, {}, "'FILE' holds 40 rows and 1 label: give each row one"),
        ({"x": SIGNALS, "y": np.full(40, np.nan)}, {}, "'FILE' holds labels that are NaN or infinite"),
        ({"x": SIGNALS, "y": np.array(["a"] * 40)}, {}, "classes are whole numbers (N,) from 0 on"),
        ({"x": SIGNALS, "y": np.full(40, -1)}, {}, "classes are whole numbers (N,) from 0 on"),
        ({"x": SIGNALS, "y": np.full(40, 2000)}, {}, "labels of up to 2000: number the classes from 0 on"),
        ({"x": SIGNALS, "y": np.array([{}] * 40)}, {}, "'FILE' is broken, or holds Python objects"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_sentence_with_the_remedy(tmp_path, arrays, options, sentence):
    assert sentence in refused(saved(tmp_path, **arrays), **options)


def test_files_that_are_none_are_one_sentence_too(tmp_path):
    assert refused(str(tmp_path / "no.npy")) == "there is no file 'FILE': give data.root=FILE.npy or FILE.npz"
    (tmp_path / "text.npy").write_text("no array")
    assert refused(str(tmp_path / "text.npy")).startswith("'FILE' is broken, or holds Python objects")
    assert refused(str(tmp_path / "x.csv")).startswith("data.root='FILE' is neither .npy nor .npz")
    assert refused(None).startswith("data=array needs a file: give data.root=FILE.npy")


def test_the_yaml_makes_it(tmp_path):
    cfg = compose("train", ["data=array", f"data.root={saved(tmp_path, x=SIGNALS)}", "data.range=[-9,9]", "data.batch_size=8"])
    data = instantiate(cfg.data)
    data.setup()
    assert (data.shape, data.range, list(cfg.metric)) == ((2, 9), [-9, 9], ["sliced_wasserstein", "statistics"])
