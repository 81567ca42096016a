"""A file from a stranger runs no code, whichever way it comes in."""

import copy
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

import gan_lab
from gan_lab import evaluate, sample, train, trust
from gan_lab.cli.compose import CONF
from gan_lab.errors import InputError
from tests.tiny import MODELS, tiny, train_into

EVIL = {"_target_": "sympy.sympify", "_args_": ["__import__('pathlib').Path('pwned').touch()"]}
WAYS = {
    "a library": EVIL,
    "a partial": {"_target_": "functools.partial", "_args_": [EVIL]},
    "hub": {"_target_": "torch.hub.load", "repo_or_dir": "a/b", "model": "c"},
    "a module that ours imports": {"_target_": "gan_lab.atomic.os.system", "_args_": ["touch pwned"]},
    "a module in a room that imports it": {"_target_": "gan_lab.data.files.os.system", "_args_": ["touch pwned"]},
    "ours that writes": {"_target_": "gan_lab.atomic.write_text", "path": "pwned", "text": ""},
    "ours in a room that is no option": {"_target_": "gan_lab.plot.curves.save_curves"},
    "a method": {"_target_": "gan_lab.model.gan.GAN.load_from_checkpoint", "checkpoint_path": "x"},
    "a private name": {"_target_": "gan_lab.data.celeba._Table", "path": "x", "width": 1},
    "a name that begins like ours": {"_target_": "gan_lab_evil.Pwned"},
    "the function that returns one": {"_target_": "hydra.utils.get_method", "path": "os.system"},
    "its sister": {"_target_": "hydra.utils.get_class", "path": "subprocess.Popen"},
    "no name": {"_target_": 3},
    "a bare name": {"_target_": "eval"},
    "deep in a list": {"_target_": "gan_lab.latents.normal", "more": [[{"even": EVIL}]]},
    "a resolver that makes a node": "${oc.create:{_target_:os.getcwd}}",
    "a resolver that reads a text": "${oc.decode:'{_target_: os.getcwd}'}",
    "a text in an allowed resolver": "${oc.select:nowhere,{_target_:os.getcwd}}",
    "a computed target": {"_target_": "${seed}"},
    "a computed part of a target": {"_target_": "os.${folder}"},
    "another's node": "${evil}",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps."""
    return train_into(tmp_path_factory.mktemp("trained") / "run", "data=fake", "data.image_size=8", "data.batch_size=4",
                      "network.generator.width=8", "network.discriminator.width=8", "max_images=8")  # fmt: skip


@pytest.fixture
def forged(trained, tmp_path, monkeypatch):
    """Writes ``run/checkpoints/last.ckpt`` with one more node, and overrides, and returns the path of the folder."""
    monkeypatch.chdir(tmp_path)

    def write(node, place="model.latent", overrides=()):
        content = torch.load(trained / "checkpoints/last.ckpt", weights_only=True)
        *parts, name = place.split(".")
        parent = content["config"]
        for part in parts:
            parent = parent[part]
        parent[name] = copy.deepcopy(node)
        content["config"]["evil"] = EVIL
        content["overrides"] += overrides
        Path("run/checkpoints").mkdir(parents=True, exist_ok=True)
        torch.save(content, "run/checkpoints/last.ckpt")
        return Path("run")

    return write


@pytest.mark.parametrize("way", WAYS)
def test_a_checkpoint_calls_no_other_code(forged, way):
    folder = forged(WAYS[way])
    with pytest.raises(InputError, match=r"'run/checkpoints/last\.ckpt'"):
        gan_lab.load(folder)
    assert not Path("pwned").exists()


COMMANDS = {
    "sample": (sample.main, ["run=run"]),
    "evaluate": (evaluate.main, ["run=run", "metric=frechet", "extractor=pixels"]),
    "resume": (train.main, ["resume=run", "max_images=16"]),
}
PLACES = ["model.latent", "penalty.evil", "network.generator.evil", "display.evil"]


@pytest.mark.parametrize(
    ("command", "place"),
    [
        *((command, place) for command in COMMANDS for place in PLACES),
        *((command, place) for command in ("evaluate", "resume") for place in ("data.evil", "extractor.evil")),
        ("resume", "callback.evil"),
        ("resume", "logger"),
    ],
)
def test_no_command_calls_it(forged, call, command, place):
    forged(EVIL, place)
    main, arguments = COMMANDS[command]
    with pytest.raises(SystemExit, match=rf"'.*run/.*' asks for sympy\.sympify at {place}.*add trust=\[sympy\]"):
        call(main, *arguments)
    assert not Path("pwned").exists()


@pytest.mark.parametrize("override", ["--config-dir=x", "hydra.callbacks.evil._target_=os.getcwd", "+hydra.searchpath=[x]",
                                      "++hydra/launcher=evil", "callback@hydra.callbacks=default"])  # fmt: skip
def test_the_command_line_in_a_checkpoint_changes_nothing_of_hydra(forged, call, override):
    forged(None, "model.clip", [override])
    with pytest.raises(SystemExit, match="its command line holds"):
        call(train.main, "resume=run")


def test_the_command_line_in_a_checkpoint_trusts_nothing(forged, call):
    forged(EVIL, overrides=["trust=[sympy]"])
    with pytest.raises(SystemExit, match="asks for sympy"):
        call(train.main, "resume=run")


def test_a_module_that_a_person_names_is_called_but_not_what_it_imports(forged):
    Path("my_vouched.py").write_text(
        "import os\nfrom gan_lab.latents import normal\n\ndef latent(*args):\n    return normal(*args)\n"
    )
    named = {"_target_": "hydra.utils.get_method", "path": "my_vouched.latent"}
    with pytest.raises(InputError, match=r"add trust=\[my_vouched\]"):
        gan_lab.load(forged(named))
    with pytest.raises(InputError, match="run this command in the folder that holds it"):
        gan_lab.load(forged(named), trust=["my_vouched"])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path.cwd()))
        assert gan_lab.load(forged(named), trust="my_vouched").sample(2).shape == (2, 3, 8, 8)
        for path in ("my_vouched.os.system", "my_vouched.normal"):
            with pytest.raises(InputError, match="which my_vouched does not define"):
                gan_lab.load(forged(named | {"path": path}), trust=["my_vouched"])


@pytest.mark.parametrize("model", MODELS)
def test_what_the_models_of_gan_lab_name_is_trusted(model):
    trust.check(tiny(f"model={model}"), "a.ckpt")


def test_all_that_the_yaml_files_name_is_trusted():
    for path in sorted(CONF.rglob("*.yaml")):
        if path.parent != CONF and path.parent.name not in ("sweep", "launcher", "hparams_search", "eval"):
            for key, target in trust._targets(OmegaConf.to_container(OmegaConf.load(path))):
                trust._check_target(key, target, path, ())
