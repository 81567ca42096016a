"""Which command line and which configuration a resumed run goes on with; `test_train` has the runs themselves."""

from pathlib import Path

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.model.base import CLOCKS
from gan_lab.training import checkpoint, resume


@pytest.fixture
def former(tmp_path, monkeypatch):
    """A run folder whose command line was this, at 40 images; returns it with both lines joined, and what is taken up."""
    monkeypatch.chdir(tmp_path)

    def run(*overrides):
        (tmp_path / "run" / "checkpoints").mkdir(parents=True)
        config = OmegaConf.to_container(compose("train", list(overrides)))
        clocks = dict.fromkeys(CLOCKS, 5) | {"images_seen": 40}
        content = {"config": config, "overrides": list(overrides), "state_dict": {"_extra_state": clocks}}
        torch.save(
            {name: kind() for name, kind in checkpoint.CONTENT.items()} | content,
            tmp_path / "run" / "checkpoints" / "last.ckpt",
        )
        return go_on

    def go_on(*overrides, run="run"):
        line = resume.arguments([f"resume={run}", *overrides])
        task = [override for override in line if not override.startswith("hydra.")]
        return resume.load_resume_config(compose("train", task), task, tmp_path / "run")

    return run


def test_a_run_without_resume_is_left_as_it_is(tmp_path):
    line, cfg = ["model=gan"], compose("train", ["model=gan"])
    assert resume.arguments(line) == line
    assert resume.load_resume_config(cfg, line, tmp_path) == (cfg, None)


def test_a_run_that_has_no_row_yet_is_not_overwritten(former, tmp_path):
    former()
    with pytest.raises(InputError, match="holds a run already"):
        resume.load_resume_config(compose("train", []), [], tmp_path / "run")


def test_auto_starts_where_there_is_nothing_to_go_on_from(tmp_path):
    cfg = compose("train", ["resume=auto"])
    assert resume.load_resume_config(cfg, ["resume=auto"], tmp_path) == (cfg, None)


def test_what_was_chosen_then_stays_and_what_is_chosen_now_wins(former):
    cfg, resumed = former("model=gan", "optimizer.d.lr=0.01", "seed=3")("optimizer.d.lr=0.02")
    assert (cfg.seed, cfg.optimizer.d.lr, cfg.model._target_) == (3, 0.02, "gan_lab.model.gan.GAN")
    assert resumed.changes == ["optimizer.d.lr: 0.01 -> 0.02"]
    assert resumed.images_seen == 40
    assert resumed.path.parts[-3:] == ("run", "checkpoints", "last.ckpt")


def test_nothing_new_changes_nothing(former):
    _, resumed = former("model=gan", "seed=3")("seed=3")
    assert resumed.changes == []


def test_the_vocabulary_that_a_text_gave_is_no_change_of_the_command():
    stored, now = (compose("train", ["data=text_lines"]) for _ in range(2))
    stored.data.characters = "ba"
    assert resume.differences(stored, now) == []
    now.data.length = 16
    assert [line.split(":")[0] for line in resume.differences(stored, now)] == ["data.length"]


def test_what_the_command_writes_of_the_data_before_it_tells_is_no_change(tmp_path):
    stored, now = (OmegaConf.create({"data": {"shape": shape}, "seed": seed}) for shape, seed in (([2, 16], 0), (None, 1)))
    resumed = resume.Resumed(tmp_path, 0, None, stored, now)
    assert resumed.changes == ["data.shape: [2, 16] -> None", "seed: 0 -> 1"]
    now.data.shape = [2, 16]
    assert resumed.changes == ["seed: 0 -> 1"]


def test_of_an_option_given_twice_the_last_counts(former):
    cfg, resumed = former("seed=1", "seed=2")("optimizer.d.lr=0.1", "optimizer.d.lr=0.2")
    assert (cfg.seed, cfg.optimizer.d.lr) == (2, 0.2)
    assert resumed.changes == ["optimizer.d.lr: 0.0002 -> 0.2"]


def test_a_value_inside_a_group_that_was_chosen_then_can_be_changed_now(former):
    cfg, _ = former("model=wgan_gp", "penalty=[wgan_gp,r1]")("penalty.r1.weight=3.0", "model.g_batch_ratio=1")
    assert list(cfg.penalty) == ["wgan_gp", "r1"]
    assert (cfg.penalty.r1.weight, cfg.model.g_batch_ratio) == (3.0, 1)


def test_a_whole_group_can_be_chosen_anew(former):
    cfg, resumed = former("model=gan", "optimizer=adam")("optimizer=sgd")
    assert cfg.optimizer.g._target_ == "torch.optim.SGD"
    assert cfg.model._target_ == "gan_lab.model.gan.GAN"
    assert "betas" not in cfg.optimizer.g
    assert "optimizer.d._target_: torch.optim.Adam -> torch.optim.SGD" in resumed.changes


@pytest.mark.parametrize(("then", "now", "names"), [("r1", "r2", ["r2"]), ("r1", "none", []), ("[r1,r2]", "r1", ["r1"])])
def test_a_group_chosen_now_replaces_the_one_chosen_then(former, then, now, names):
    cfg, _ = former("model=gan", f"penalty={then}")(f"penalty={now}")
    assert list(cfg.penalty) == names


def test_values_of_a_part_that_is_left_out_now_go_with_it(former):
    then = (
        "model=gan",
        "augment=[ada,diffaugment]",
        "augment.ada.p=0.5",
        "augment.diffaugment.color=false",
        "optimizer.d.lr=0.1",
    )
    cfg, _ = former(*then)("augment=diffaugment")
    assert [*cfg.augment] == ["diffaugment"] and not cfg.augment.diffaugment.color and cfg.optimizer.d.lr == 0.1


def test_a_group_within_the_model_can_be_chosen_anew(former):
    cfg, _ = former("model=gan", "model.ema_half_life_kimg=5")("model/latent=sphere")
    assert (cfg.model.latent.path, cfg.model.ema_half_life_kimg) == ("gan_lab.latents.sphere", 5)


@pytest.mark.parametrize("length", resume.LENGTHS)
def test_a_length_given_now_replaces_the_former_one_whatever_its_unit(former, length):
    cfg, _ = former("max_images=100", "max_g_steps=7")(f"{length}=300")
    assert {name: cfg[name] for name in resume.LENGTHS if cfg[name] is not None} == {length: 300}


def test_growth_keeps_its_pace_whatever_the_new_length(former):
    then = "model=pggan", "data=fake", "max_images=100", "total_images=100"
    assert former(*then)("max_images=1000")[0].model.growth.total_images == 100


def test_growth_follows_the_length_where_that_stays(former):
    then = "model=pggan", "data=fake", "max_images=100", "total_images=100"
    assert OmegaConf.is_interpolation(former(*then)("max_images=100")[0].model.growth, "total_images")


def test_without_a_new_length_the_former_one_stands(former):
    cfg, _ = former("max_images=100")("seed=1")
    assert cfg.max_images == 100


def test_a_folder_is_gone_on_in_and_a_file_is_not(former):
    former("seed=1")
    assert resume.arguments(["resume=run"])[0] == "hydra.run.dir='run'"
    from_file = resume.arguments(["resume=run/checkpoints/last.ckpt"])
    assert from_file == ["seed=1", f"resume='{Path('run/checkpoints/last.ckpt').absolute()}'"]


def test_a_choice_within_a_group_replaces_the_former_one(former):
    former("model/latent=uniform")
    assert resume.arguments(["resume=run", "model/latent=sphere"]).count("model/latent=sphere") == 1
    assert "model/latent=uniform" not in resume.arguments(["resume=run", "model/latent=sphere"])


def test_flags_stay_behind_the_options(former):
    former("seed=1")
    Path("mine").mkdir()
    assert resume.arguments(["--config-dir", "mine", "resume=run"])[-2:] == ["--config-dir", "mine"]


@pytest.mark.parametrize("name", ["a=b", "a b", "it's", "a,b", "[1]"])
def test_a_folder_of_any_name_is_found_again(former, name):
    former("seed=1")
    Path("run").rename(name)
    folder, *_ = resume.arguments([f"resume={name}"])
    (parsed,) = OverridesParser.create().parse_overrides([folder])
    assert parsed.value() == name


def test_another_model_is_refused(former):
    with pytest.raises(InputError, match=r"asks for gan_lab\.model\.wgan\.WGAN: leave out model="):
        former("model=gan")("model=wgan")


def test_first_weights_given_now_are_refused(former):
    with pytest.raises(InputError, match=r"^init_from= gives a new run its first weights, and resume= goes on with its own"):
        former("model=gan")("init_from=other.ckpt")


@pytest.mark.parametrize(("key", "kept"), [("data.root", None), ("data.batch_size", ["a", "b"]), ("class_names", ["c", "d"])])
def test_other_data_have_their_own_names_of_classes(key, kept):
    stored = OmegaConf.create({"class_names": ["a", "b"], "data": {"root": "x", "batch_size": 4}})
    new = OmegaConf.create({"class_names": ["c", "d"], "data": {"root": "y", "batch_size": 8}})
    assert resume._changed(stored, new, [key]).class_names == kept
