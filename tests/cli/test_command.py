import subprocess
import sys

import pytest
from hydra.utils import instantiate

from gan_lab.cli import command
from gan_lab.errors import InputError


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model=dcgn"], "there is no model 'dcgn' (choices: acgan, cgan, "),
        (["model=dcgn"], "; did you mean 'dcgan'?"),
        (["data=digis"], "there is no data 'digis' (choices: "),
        (["data=digis"], "; did you mean 'digits'?"),
        (["penalty=[r1,dragn]"], "there is no penalty 'dragn'"),
        (["optimizer.d.lrr=1"], "there is no option 'optimizer.d.lrr'; did you mean 'optimizer.d.lr'?"),
        (["data.batch_sise=3"], "there is no option 'data.batch_sise'; did you mean 'data.batch_size'?"),
        (["modle=dcgan"], "there is no option 'modle'; did you mean 'model'?"),
        (["model=gan,hing"], "there is no model 'hing'"),
        (["model/latent=spher"], "there is no model/latent 'spher' (choices: normal, sphere, uniform); did you mean 'sphere'?"),
        (["seed=("], "the command line cannot be read"),
    ],
)
def test_a_misspelt_option_is_named_with_the_nearest_right_one(overrides, sentence):
    with pytest.raises(InputError) as error:
        command.check("train", overrides)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_every_value_of_a_sweep_is_checked_once_beside_the_first_of_the_others():
    assert list(command.choices(["model=gan,wgan", "seed=0,1", "max_images=9"])) == [
        ["model=gan", "seed=0", "max_images=9"],
        ["model=wgan", "seed=0", "max_images=9"],
        ["model=gan", "seed=1", "max_images=9"],
    ]


def test_a_users_own_config_folder_is_searched(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("defaults: [dcgan]\nd_steps: 3\n")
    command.check("train", ["model=mine"], str(tmp_path))


@pytest.mark.parametrize("config_name", ["train", "sample", "evaluate"])
def test_every_command_composes(config_name):
    assert command.compose(config_name, [])


def test_the_user_overrules_what_model_and_data_choose():
    cfg = command.compose("train", ["model=wgan_gp"])
    assert "resnet" in cfg.network.generator._target_
    assert list(cfg.penalty) == ["wgan_gp"]
    cfg = command.compose("train", ["model=wgan_gp", "network=mlp", "optimizer=ttur", "penalty=[r1,r2]"])
    assert "mlp" in cfg.network.generator._target_
    assert cfg.optimizer.d.lr == 3e-4
    assert list(cfg.penalty) == ["r1", "r2"]


def test_points_bring_the_mlp_whatever_the_model():
    cfg = command.compose("train", ["model=wgan_gp", "data=gaussians"])
    assert "mlp" in cfg.network.generator._target_


@pytest.mark.parametrize("group", ["optimizer", "penalty", "regularizer", "schedule"])
def test_every_option_of_a_small_group_instantiates(group):
    for path in sorted((command.CONF / group).glob("*.yaml")):
        cfg = command.compose("train", [f"{group}={path.stem}", "total_images=100"])
        instantiate(cfg.get(group))


def test_any_torch_optimizer_can_be_named():
    cfg = command.compose("train", ["optimizer.d._target_=torch.optim.AdamW"])
    assert instantiate(cfg.optimizer.d).func.__name__ == "AdamW"


@pytest.mark.parametrize("verb", ["train", "sample", "evaluate"])
def test_help_imports_nothing_heavy(verb):
    code = (
        f"import sys; from gan_lab import {verb}; sys.argv = ['{verb}', '--help']; {verb}.main(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'lightning', 'wandb')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"python -m gan_lab.{verb}" in done.stdout
