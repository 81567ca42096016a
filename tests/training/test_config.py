import math
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest

from gan_lab.errors import InputError
from gan_lab.training.cadence import steps
from gan_lab.training.config import (
    check_computed,
    check_g_steps,
    check_numbers,
    finalize_config,
    named,
    row_interval,
    validation_interval,
)
from tests.tiny import composed


def finalized(*overrides, num_train=1000, global_batch=10):
    cfg = deepcopy(composed(*overrides))
    finalize_config(cfg, num_train, global_batch, Path("run"))
    return cfg


@pytest.mark.parametrize(
    ("overrides", "images"),
    [
        (["max_images=70"], 70),
        (["max_g_steps=3", "model.d_steps=2"], 60),
        (["max_epochs=2.5"], 2500),
        (["max_images=70", "max_epochs=9"], 70),
        (["max_g_steps=27", "model=wgan", "+model/d_steps=official"], (25 * 100 + 2 * 5) * 10),
    ],
    ids=str,
)
def test_the_length_becomes_images(overrides, images):
    assert finalized(*overrides).total_images == images


def test_a_cadence_that_was_not_given_is_a_tenth_of_the_run():
    cfg = finalized("max_images=70", "val_every_images=30")
    assert (cfg.val_every_images, cfg.sample_every_images, cfg.checkpoint_every_images) == (30, 7, 7)
    assert finalized("max_images=3").val_every_images == 1
    assert cfg.folder == "run"


@pytest.mark.parametrize("total", [3, 64, 512, 3000, 3267, 60_000])
@pytest.mark.parametrize("num_judged", [1, 64, 297])
@pytest.mark.parametrize("batch", [1, 4, 64])
def test_a_short_run_judges_no_more_samples_than_it_trains_on_and_always_at_its_end(total, num_judged, batch):
    interval = steps(batch, validation_interval(total, num_judged))
    validations = math.ceil(math.ceil(total / batch) / interval)  # the last one ends the run
    assert validations == 1 or (validations + 1) * num_judged <= total
    if total >= 12 * num_judged:
        assert validation_interval(total, num_judged) == max(1, total // 10)


def test_a_cadence_that_is_given_stays_whatever_it_costs():
    cfg = deepcopy(composed("max_images=70", "val_every_images=7"))
    finalize_config(cfg, 1000, 10, Path("run"), num_judged=300)
    assert cfg.val_every_images == 7
    cfg = deepcopy(composed("max_images=70"))
    finalize_config(cfg, 1000, 10, Path("run"), num_judged=300)
    assert (cfg.val_every_images, cfg.sample_every_images) == (70, 7)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("max_images=0", "max_images=0 is invalid: give a whole number of at least 1"),
        ("data.batch_size=2.5", "data.batch_size=2.5 is invalid: give a whole number of at least 1"),
        (
            "data.image_size=[8,0]",
            "data.image_size=[8,0] is invalid: give a whole number of at least 1 and at most 65536 or a list of 2, each a "
            "whole number of at least 1 and at most 65536",
        ),
        ("max_hours=-1", "max_hours=-1 is invalid: give a number of at least 0"),
        ("accumulate=3", "data.batch_size=64 does not fall into accumulate=3 equal parts"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(override, sentence):
    with pytest.raises(InputError) as error:
        check_numbers(composed(override))
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("override", "remedy"),
    [("folder=runs", "hydra.run.dir=FOLDER"), ("total_images=5", "max_images="), ("primary_mode=max", "out")],
)
def test_a_value_that_the_command_would_overwrite_is_refused_with_the_key_that_counts(override, remedy):
    check_computed([composed()])
    with pytest.raises(InputError, match=f"^{override} would be overwritten, .*{remedy}"):
        check_computed([composed(), composed(override)])


def of_classes(*names):
    return SimpleNamespace(class_names=[*names], num_classes=2)


def test_class_names_are_the_datas_unless_given():
    assert named(None, of_classes("cat", "dog")) == ["cat", "dog"]
    assert named([1, "b"], of_classes("cat", "dog")) == ["1", "b"]
    assert named(None, of_classes()) is None
    with pytest.raises(InputError, match=r"class_names=\[a\] make 1 name, and data.num_classes=2: give each class one"):
        named(["a"], of_classes())
    with pytest.raises(InputError, match=r"the class name '\$\{a\}' holds \$\{, which a configuration would compute"):
        named(None, of_classes("${a}", "b"))


@pytest.mark.parametrize(
    "overrides", [["max_images=40", "model.d_steps=5"], ["model=wgan", "+model/d_steps=official", "max_images=990"]]
)
def test_a_run_without_a_step_of_g_is_refused(overrides):
    with pytest.raises(InputError, match=r"^model\.d_steps=\d+ leaves no step of G in a run of \d+ steps of D: give fewer, or"):
        check_g_steps(finalized(*overrides), 10)


def test_a_run_of_one_step_of_g_is_none_to_refuse():
    check_g_steps(finalized("max_images=41", "model.d_steps=5"), 10)


def test_a_short_run_has_rows_enough_for_a_curve_and_a_given_interval_stays():
    assert [row_interval(d_steps) for d_steps in (64, 1875, 2500, 5000, 10**6)] == [10, 10, 25, 50, 50]
    assert finalized("max_images=10000").log_every_steps == 10
    assert finalized("max_images=10000", "log_every_steps=3").callback.loss_logger.every_steps == 3
