import re

import pytest
from hydra.utils import instantiate

from gan_lab.cli.compose import CONF, check, choices, compose, composer
from gan_lab.errors import InputError
from gan_lab.penalties import Penalty
from gan_lab.regularizers import Regularizer


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model=dcgn"], "there is no model 'dcgn' (choices: acgan, afm, biggan, ccgan, "),
        (["model=dcgn"], "; did you mean 'dcgan'?"),
        (["data=digis"], "there is no data 'digis' (choices: "),
        (["data=digis"], "; did you mean 'digits'?"),
        (["penalty=[r1,dragn]"], "there is no penalty 'dragn'"),
        (["optimizer.d.lrr=1"], "there is no option 'optimizer.d.lrr'; did you mean 'optimizer.d.lr'?"),
        (["data.batch_sise=3"], "there is no option 'data.batch_sise'; did you mean 'data.batch_size'?"),
        (["modle=dcgan"], "there is no option 'modle'; did you mean 'model'?"),
        (["network/discriminator=layer"], "add one by +network/discriminator=OPTION (choices: dropout, layer, spectral)"),
        (["model=gan,hing"], "there is no model 'hing'"),
        (["model/latent=spher"], "there is no model/latent 'spher' (choices: normal, sphere, uniform); did you mean 'sphere'?"),
        (["seed=("], "the command line cannot be read"),
        (["model=unrolled", "model.unroll_step=3"], "; did you mean 'model.unroll_steps'?"),
        (["model=unrolled", "optimizer=sgd", "model.g_los=3"], "; did you mean 'model.g_loss"),
        (["model=gan", "model.unroll_steps=3"], "there is no option 'model.unroll_steps'"),
        (["+seed=1"], "there is an option 'seed' already: leave out the + before it"),
        (["penalty=null"], "penalty=null: null is no penalty (choices: afm, "),
        (["augment=[ada,null]"], "augment=[ada,null]: null is no augment (choices: ada, "),
        (["model=pggan", "model/growth=null"], "null is no model/growth (choices: doubling), or leave it out by ~model/growth"),
        (["penalty=r1", "penalty.r1.target=3"], "did you mean 'penalty.r1.weight'?"),
        (["hydra.run.dri=x"], "; did you mean 'hydra.run.dir'?"),
    ],
)
def test_a_misspelt_option_is_named_with_the_nearest_right_one(overrides, sentence):
    with pytest.raises(InputError) as error:
        check("train", overrides)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_every_value_of_a_sweep_is_checked_once_beside_the_first_of_the_others():
    assert list(choices(["model=gan,wgan", "seed=0,1", "max_images=9"])) == [
        ["model=gan", "seed=0", "max_images=9"],
        ["model=wgan", "seed=0", "max_images=9"],
        ["model=gan", "seed=1", "max_images=9"],
    ]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["seed=range(0,1000000000)"], "seed=range(0,1000000000) sweeps over more than 10,000 values"),
        (["seed=0,1", "hydra.sweep.subdir=one"], "all jobs of this sweep would lie in hydra.sweep.subdir=one"),
    ],
)
def test_a_sweep_that_cannot_be_meant_is_refused(overrides, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        check("train", overrides)


def test_a_users_own_config_folder_is_searched(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("defaults: [dcgan]\nd_steps: 3\n")
    with composer("train", str(tmp_path)):
        assert check("train", ["model=mine"]).model.d_steps == 3
        with pytest.raises(InputError, match="did you mean 'mine'"):
            check("train", ["model=mne"])


@pytest.mark.parametrize("config_name", ["train", "sample", "evaluate"])
def test_every_command_composes(config_name):
    assert compose(config_name, [])


def test_the_user_overrules_what_model_and_data_choose():
    cfg = compose("train", ["model=wgan_gp"])
    assert "resnet" in cfg.network.generator._target_
    assert list(cfg.penalty) == ["wgan_gp"]
    cfg = compose("train", ["model=wgan_gp", "network=mlp", "optimizer=ttur", "penalty=[r1,r2]"])
    assert "mlp" in cfg.network.generator._target_
    assert cfg.optimizer.d.lr == 3e-4
    assert list(cfg.penalty) == ["r1", "r2"]


def test_points_bring_the_mlp_whatever_the_model():
    cfg = compose("train", ["model=wgan_gp", "data=gaussians"])
    assert "mlp" in cfg.network.generator._target_


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize("option", [f"{group}={name}" for group in ("optimizer", "schedule") for name in options(group)])
def test_every_option_of_a_small_group_instantiates(option):
    instantiate(compose("train", [option, "total_images=100"])[option.partition("=")[0]])


@pytest.mark.parametrize(("group", "kind"), [("penalty", Penalty), ("regularizer", Regularizer)])
def test_all_options_of_a_group_of_many_instantiate_together(group, kind):
    names = [name for name in options(group) if name != "none"]
    chosen = instantiate(compose("train", [f"{group}=[{','.join(names)}]", "total_images=100"])[group])
    assert chosen
    assert all(isinstance(part, kind) for part in chosen.values())


def test_any_torch_optimizer_can_be_named():
    cfg = compose("train", ["optimizer.d._target_=torch.optim.AdamW"])
    assert instantiate(cfg.optimizer.d).func.__name__ == "AdamW"
