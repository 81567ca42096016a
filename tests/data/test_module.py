import random
from functools import partial
from itertools import islice
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image

from gan_lab.cli.compose import CONF, compose
from gan_lab.data.arrays import Arrays
from gan_lab.data.digits import digits
from gan_lab.data.module import Data
from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.errors import InputError

DIGITS = {"train": partial(digits, "train"), "held_out": partial(digits, "held_out")}


def data(rank=0, world_size=1, images_seen=0, step=0, training=True, **settings):
    """The digits as one of several processes sees them."""
    defaults = {"channels": 1, "image_size": 8, "num_classes": 10, "batch_size": 50, "seed": 0}
    module = Data(**DIGITS | defaults | settings)
    module.trainer = SimpleNamespace(
        global_rank=rank,
        world_size=world_size,
        training=training,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
        lightning_module=SimpleNamespace(images_seen=images_seen, d_steps_done=step),
    )
    return module


def take(module, count):
    return list(islice(module.train_dataloader(), count))


def same(a, b):
    return all(torch.equal(x, y) for pair in zip(a, b, strict=True) for x, y in zip(*pair, strict=True))


class Constant(torch.utils.data.Dataset):
    """Items one by one, as torchvision's sets hand them over."""

    def __init__(self, label):
        self.label = label

    def __len__(self):
        return 100

    def __getitem__(self, index):
        return torch.full((1, 8, 8), index, dtype=torch.uint8), self.label


# ----- training batches --------------------------------------------------------------------------------------------------


def test_an_epoch_is_the_training_set():
    images = torch.cat([images for images, _ in take(data(), 24)])
    assert sorted(images.flatten(1).tolist()) == sorted(digits("train").images.flatten(1).tolist())


def test_labels_stay_with_their_images():
    known = digits("train")
    known = {tuple(image.flatten().tolist()): label for image, label in zip(known.images, known.labels, strict=True)}
    images, y = take(data(), 1)[0]
    assert y.dtype == torch.int64
    assert [known[tuple(image.flatten().tolist())] for image in images] == y.tolist()


@pytest.mark.parametrize("images_seen", [50, 1200, 3350])
def test_goes_on_where_the_clock_stands(images_seen):
    first = images_seen // 50
    assert same(take(data(images_seen=images_seen), 3), take(data(), first + 3)[first:])


def test_two_processes_see_what_one_sees():
    ranks = [take(data(rank, 2, batch_size=25), 30) for rank in range(2)]
    joined = [(torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]])) for a, b in zip(*ranks, strict=True)]
    assert same(joined, take(data(), 30))


def test_workers_change_nothing():
    assert same(take(data(num_workers=2), 30), take(data(), 30))


def test_no_loader_draws_from_the_global_generators():
    module = data(num_workers=1)
    before = torch.get_rng_state(), random.getstate()
    take(module, 2)
    for loader in (*module.val_dataloader(), *module.test_dataloader()):
        list(loader)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_samples_are_stacked_one_by_one_too():
    module = data(train=partial(Constant, 3))
    images, y = take(module, 1)[0]
    assert images.shape == (50, 1, 8, 8)
    assert images[:, 0, 0, 0].unique().numel() == 50
    assert y.tolist() == [3] * 50


@pytest.mark.parametrize("settings", [{"num_classes": None}, {"num_classes": None, "train": partial(Constant, None)}])
def test_no_labels(settings):
    assert take(data(**settings), 1)[0][1] is None


class Recorder(L.LightningModule):
    """Counts as a GAN does, keeps its batches, and writes a checkpoint in the middle."""

    def __init__(self, folder):
        super().__init__()
        self.automatic_optimization = False
        self.images_seen = self.d_steps_done = 0
        self.folder, self.batches = folder, []

    def configure_optimizers(self):
        return None

    def training_step(self, batch, batch_idx):
        self.batches.append(batch)
        self.images_seen += len(batch[0])
        self.d_steps_done += 1
        self.trainer.should_stop = self.d_steps_done == 6

    def on_train_batch_end(self, *_):
        if self.d_steps_done == 4:
            self.trainer.save_checkpoint(self.folder / "4.ckpt")

    def get_extra_state(self):
        return {"images_seen": self.images_seen, "d_steps_done": self.d_steps_done}

    def set_extra_state(self, state):
        vars(self).update(state)


def fit(folder, ckpt_path=None, **settings):
    module = Recorder(folder)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(accelerator="cpu", max_epochs=-1, use_distributed_sampler=False, limit_val_batches=0, **quiet)
    trainer.fit(module, datamodule=data(batch_size=500, flip=True, dequantize=True, **settings), ckpt_path=ckpt_path)
    return module.batches


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.filterwarnings("ignore::UserWarning")  # no optimizer, no validation
def test_a_resumed_run_sees_the_rest_of_the_batches(tmp_path, num_workers):
    whole = fit(tmp_path, num_workers=num_workers)
    resumed = fit(tmp_path, tmp_path / "4.ckpt")
    assert len(resumed) == 2
    assert same(resumed, whole[4:])


# ----- samples to judge by -----------------------------------------------------------------------------------------------


def judged(module):
    return [list(loader) for loader in module.val_dataloader()]


def test_all_held_out_samples_come_in_order():
    held_out, _ = judged(data())
    assert torch.equal(torch.cat([images for images, _ in held_out]), digits("held_out").images)
    assert torch.equal(torch.cat([y for _, y in held_out]), digits("held_out").labels)


def test_as_many_training_samples_stand_beside_them():
    images = torch.cat([images for images, _ in judged(data())[1]]).flatten(1).tolist()
    train = set(map(tuple, digits("train").images.flatten(1).tolist()))
    assert len(images) == 597
    assert set(map(tuple, images)) <= train


def test_the_training_samples_are_the_same_for_every_seed():
    assert same(judged(data(seed=0))[1], judged(data(seed=1))[1])


def test_a_small_training_set_stands_there_whole():
    small = Arrays(digits("train").images[:60], digits("train").labels[:60])
    assert sum(len(images) for images, _ in judged(data(train=lambda: small))[1]) == 60


def test_processes_share_them_by_stride():
    for loader, whole in enumerate(judged(data())):
        images = torch.cat([images for images, _ in whole])
        for rank in range(2):
            share = torch.cat([images for images, _ in judged(data(rank, 2))[loader]])
            assert torch.equal(share, images[rank::2])


@pytest.mark.parametrize("batch_size, expected", [(50, 250), (400, 400)])
def test_batches_to_judge_are_large(batch_size, expected):
    module = data(batch_size=batch_size)
    assert module.eval_batch_size == expected
    assert len(judged(module)[0][0][0]) == expected


def test_testing_judges_by_the_same_samples():
    for tested, validated in zip(data().test_dataloader(), data().val_dataloader(), strict=True):
        assert same(tested, validated)


# ----- on the device -----------------------------------------------------------------------------------------------------


def arrive(module, batch):
    return module.on_after_batch_transfer(batch, 0)


def test_images_become_floats():
    batch = take(data(), 1)[0]
    images, y = arrive(data(), batch)
    assert torch.equal(images, to_unit(batch[0]))
    assert torch.equal(y, batch[1])


def test_points_stay_as_they_are():
    points = torch.randn(4, 2, 1, 1)
    assert arrive(data(flip=True, dequantize=True), (points, None))[0] is points


def test_half_of_the_training_images_are_mirrored():
    batch = take(data(batch_size=1000), 1)[0]
    images = arrive(data(flip=True), batch)[0]
    mirrored = (images == to_unit(batch[0]).flip(-1)).flatten(1).all(1)
    plain = (images == to_unit(batch[0])).flatten(1).all(1)
    assert (mirrored | plain).all()
    assert 430 < mirrored.sum() < 570


def test_dequantization_stays_within_the_grey_level():
    batch = take(data(), 1)[0]
    noise = (arrive(data(dequantize=True), batch)[0] + 1) * 128 - batch[0]
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert noise.mean().item() == pytest.approx(0.5, abs=0.03)


AUGMENTED = {"flip": True, "dequantize": True}


def test_augmentation_is_a_function_of_seed_and_step():
    batch = take(data(), 1)[0]
    images, again, later, other = (
        arrive(data(**AUGMENTED, step=step, seed=seed), batch)[0] for step, seed in ((3, 0), (3, 0), (4, 0), (3, 1))
    )
    assert torch.equal(images, again)
    assert not torch.equal(images, later)
    assert not torch.equal(images, other)


def test_two_processes_augment_as_one():
    images = take(data(), 1)[0][0]
    parts = [arrive(data(rank, 2, **AUGMENTED), (images[25 * rank : 25 * (rank + 1)], None))[0] for rank in range(2)]
    assert torch.equal(torch.cat(parts), arrive(data(**AUGMENTED), (images, None))[0])


def test_what_judges_is_not_augmented():
    batch = judged(data())[0][0]
    assert torch.equal(to_uint8(arrive(data(**AUGMENTED, training=False), batch)[0]), batch[0])


# ----- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch_size": 601, "world_size": 2}, r"^data.batch_size=601 does not fit 1,200 training samples on 2 process"),
        ({"channels": 3, "image_size": 32}, r"^data.channels=3 data.image_size=32 do not fit the samples, which are 1x8x8"),
        ({"num_classes": 3}, r"^data.num_classes=3, but a label is 9"),
        ({"num_classes": None, "label_dim": 2}, r"^data.label_dim=2 asks for float labels"),
    ],
)
def test_options_that_do_not_fit_the_data_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        data(**settings).setup()
    data(batch_size=1200).setup()


# ----- every configuration -----------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path):
    for index in range(8):
        Image.new("RGB", (9, 9), (index, 0, 0)).save(tmp_path / f"{index}.png")
    return tmp_path


def configured(name, root, *overrides):
    cfg = compose("train", [f"data={name}", "data.batch_size=4", *overrides])
    if cfg.data.get("root", "embedded") is None and not name.startswith("text_"):
        cfg.data.root = str(root)
    return cfg


LAYOUTS = [f"data/layout={path.stem}" for path in sorted((CONF / "data" / "layout").glob("*.yaml"))]
IN_FILES = "GAN_LAB_DATA"  # such data have tests of their own, which write small files
CHOICES = [(path.stem,) for path in sorted((CONF / "data").glob("*.yaml")) if IN_FILES not in path.read_text()]
CHOICES.remove(("array",))  # as those
FEW = "data.train.n=100", "data.held_out.n=50"
CHOICES = [(name, *FEW) if name in ("letters", "patches") else (name,) for (name,) in CHOICES]
CHOICES += [(name, layout) for name in ("gaussians", "blobs") for layout in LAYOUTS]
CHOICES += [("fake", "data.num_classes=5", "data.channels=1"), ("digits", "data.num_classes=null")]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_every_choice_hands_over_what_it_states(choice, root):
    cfg = configured(choice[0], root, *choice[1:])
    module = instantiate(cfg.data)
    module.setup()
    loaded = next(iter(module.train_dataloader()))
    images, y = arrive(module, loaded)
    shape = cfg.data.get("shape") or (cfg.data.channels, cfg.data.image_size, cfg.data.image_size)
    points, text = shape[-1] == 1, choice[0].startswith("text_")
    assert loaded[0].dtype == (torch.float32 if points else torch.int16 if text else torch.uint8)
    assert images.dtype == torch.float32
    assert images.shape == (4, *shape)
    assert images.abs().max() <= (1.2 if points else 1)
    if cfg.data.num_classes is None:
        assert y is None
    else:
        assert y.dtype == torch.int64
        assert 0 <= y.min() <= y.max() < cfg.data.num_classes


@pytest.mark.parametrize("name", ["gaussians", "blobs"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_metric_of_data_with_modes_takes_their_layout(name, layout, root):
    cfg = configured(name, root, layout)
    module, suite = instantiate(cfg.data), instantiate(cfg.callback.validation).suite
    suite.check(module)
    assert suite.choose(cfg.primary) == ("modes", "max")
    for images, y in module.val_dataloader()[0]:
        images = arrive(module, (images, None))[0]
        mode, high_quality = module.layout.assign(images)
        assert torch.equal(mode[high_quality], y[high_quality])
        assert high_quality.float().mean() > 0.95
    assert len(module.layout.centers) == cfg.data.num_classes


@pytest.mark.parametrize("name, network", [("gaussians", "mlp"), ("dirac", "dirac")])
def test_points_bring_their_network(name, network, root):
    assert configured(name, root, "model=dcgan").network.generator._target_.startswith(f"gan_lab.network.{network}.")


def test_a_shape_stands_for_channels_and_size_and_one_of_them_is_needed():
    made = {"num_classes": None, "batch_size": 2, "seed": 0}
    signals = Arrays(torch.rand(4, 2, 16))
    module = Data(lambda: signals, lambda: signals, shape=[2, 16], **made)
    module.setup()
    assert module.shape == (2, 16)
    with pytest.raises(InputError, match=r"give data\.channels and data\.image_size, or data\.shape=\[CHANNELS,LENGTH\]$"):
        Data(lambda: signals, lambda: signals, channels=2, **made)


def test_the_first_batch_is_as_a_step_sees_it():
    images = Arrays(torch.arange(64, dtype=torch.uint8).view(4, 1, 4, 4), torch.arange(4))
    module = Data(
        lambda: images,
        lambda: images,
        channels=1,
        image_size=4,
        num_classes=4,
        batch_size=3,
        seed=0,
        flip=True,
        dequantize=True,
    )
    real, y = module.first_batch()
    assert torch.equal(real, to_unit(images.images[:3]))
    assert y.tolist() == [0, 1, 2]
    module.batch_size = 5  # more than there are
    assert module.first_batch()[1].tolist() == [0, 1, 2, 3, 0]
