"""Data of any shape go through the same step: trained, resumed exactly, shown, sampled and judged by the same commands."""

import json

import numpy as np
import pytest
import torch

import gan_lab
from gan_lab import evaluate, sample, train
from gan_lab.errors import InputError
from gan_lab.training.build import build
from gan_lab.training.short_run import difference
from tests.tiny import tiny

RNG = np.random.default_rng(0)
SHAPES = {
    "images_uint8": ("uint8", (1, 8, 8), "dcgan", []),
    "images_float": ("float32", (3, 8, 8), "dcgan", ["data.range=[0,1]"]),
    "oblong_images": ("float32", (1, 4, 6), "mlp", ["data.range=[0,1]"]),
    "signals_uint8": ("uint8", (2, 19), "conv1d", []),
    "signals_float": ("float64", (1, 16), "conv1d", []),
    "table": ("float32", (7,), "mlp", []),
    "table_scaled": ("float32", (3,), "mlp", ["data.range=[[0,0,-1],[1,2,1]]"]),
    "points": ("float32", (2,), "mlp", []),
}


@pytest.fixture(params=SHAPES)
def name(request):
    return request.param


@pytest.fixture
def command(name, tmp_path):
    """The options that train on a small array of this shape, and the shape and type of the array."""
    dtype, shape, network, more = SHAPES[name]
    array = RNG.integers(0, 256, (60, *shape)) if dtype == "uint8" else RNG.random((60, *shape))
    np.save(tmp_path / "data.npy", array.astype(dtype))
    narrow = "[8]" if network == "mlp" else "4"
    widths = [f"network.{player}.width={narrow}" for player in ("generator", "discriminator")]
    small = ["model=hinge", f"network={network}", *widths, "data.batch_size=4", "val_every_images=24", "sample_every_images=24",
             "logger=csv"]  # fmt: skip
    return ["data=array", f"data.root={tmp_path / 'data.npy'}", *more, *small], dtype, shape


@pytest.mark.slow  # tests/stranger/test_signals.py and tests/data/test_array.py are quick
def test_a_shape_is_trained_resumed_shown_sampled_and_judged(call, name, command):
    options, dtype, shape = command
    call(train.main, *options, "max_images=48", "hydra.run.dir=whole")
    call(train.main, *options, "max_images=24", "hydra.run.dir=part")
    folder = call(train.main, "resume=part", "max_images=48")
    states = [torch.load(folder / f"{run}/checkpoints/last.ckpt", weights_only=True) for run in ("whole", "part")]
    gans = [gan_lab.load(str(folder / f"{run}/checkpoints/last.ckpt")) for run in ("whole", "part")]
    assert states[0]["state_dict"]["_extra_state"]["images_seen"] == 48
    assert difference(*gans) is None
    summary = json.loads((folder / "whole/summary.json").read_text())
    values = summary["final_judgement"]["scores"]
    assert {"mind_pixels", "w1_pixels", "ks_pixels", "correlation_pixels"} <= values.keys()
    assert all(np.isfinite(value) for value in values.values())
    assert len([*(folder / "whole/samples").glob("*.png")]) == 4  # the reals, and samples at 0, 24 and 48 images

    (folder / "data.npy").rename(folder / "moved.npy")  # a checkpoint alone makes samples
    for kind in ("npy", "grid"):
        call(sample.main, "run=whole", f"format={kind}", "n=5")
    made = np.load(folder / "whole/generated/grid/samples-seed0.npy")
    assert (made.shape, made.dtype) == ((5, *shape), np.uint8 if dtype == "uint8" else np.float32)
    assert (folder / "whole/generated/grid/grid-seed0.png").stat().st_size > 1000
    (folder / "moved.npy").rename(folder / "data.npy")

    call(evaluate.main, "run=whole", "metric=statistics", "eval.seeds=[0]", "eval.num_fake=6", "device=cpu")
    judged = json.loads(next(folder.glob("whole/evaluation/*/metrics.json")).read_text())
    assert np.isfinite(judged["values"]["w1_pixels"]["mean"])


@pytest.mark.slow  # as the test above
def test_a_npy_file_has_the_units_of_the_data(call, tmp_path):
    np.save(tmp_path / "data.npy", RNG.uniform([10, 200], [20, 400], (60, 2)).astype("float32"))
    call(train.main, "data=array", f"data.root={tmp_path / 'data.npy'}", "data.range=[[10,200],[20,400]]", "network=mlp",
         "model=gan", "max_images=16", "data.batch_size=4", "metric=none", "logger=csv", "hydra.run.dir=run")  # fmt: skip
    call(sample.main, "run=run", "format=npy", "n=4")
    unit = gan_lab.load("run").sample(4).numpy()
    np.testing.assert_allclose(
        np.load("run/generated/grid/samples-seed0.npy"), (unit + 1) / 2 * [10, 200] + [10, 200], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((2, 16), "network=dcgan makes images, and samples of 2x16 are signals: use network=conv1d, or network=mlp"),
        ((5,), "network=dcgan makes images, and samples of 5 are vectors: use network=mlp"),
    ],
)
def test_a_network_of_images_is_refused_with_the_network_to_use(tmp_path, shape, sentence):
    np.save(tmp_path / "data.npy", RNG.uniform(-1, 1, (20, *shape)))
    with pytest.raises(InputError) as error:
        build(tiny("model=dcgan", "data=array", f"data.root={tmp_path / 'data.npy'}"))
    assert str(error.value) == sentence


@pytest.mark.slow
def test_a_conditional_pair_takes_labels_of_any_shape(tmp_path):
    for shape, network in (((2, 16), "conv1d"), ((5,), "mlp")):
        np.savez(tmp_path / "data.npz", x=RNG.uniform(-1, 1, (20, *shape)), y=np.arange(20) % 3)
        for model in ("cgan", "acgan", "projection"):
            gan = build(tiny(f"model={model}", "data=array", f"data.root={tmp_path / 'data.npz'}", f"network={network}"))
            y = torch.tensor([0, 1])
            assert gan.logits(gan.generate(torch.randn(2, gan.generator.latent_dim), y), y).shape == (2,)
