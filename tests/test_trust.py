"""A file from a stranger runs no code, whichever way it comes in."""

import copy
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import EpsImagePlugin

import gan_lab
from gan_lab import evaluate, prepare, sample, train, trust
from gan_lab.cli.compose import CONF, compose
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import trained as extractor
from gan_lab.evaluation.extractor.classifier import network
from gan_lab.report import __main__ as report
from tests.report.folders import config, draw, summary, write_run
from tests.tiny import MODELS, tiny, train_into

EVIL = {"_target_": "sympy.sympify", "_args_": ["__import__('pathlib').Path('pwned').touch()"]}
WAYS = {
    "a library": EVIL,
    "a partial": {"_target_": "functools.partial", "_args_": [EVIL]},
    "hub": {"_target_": "torch.hub.load", "repo_or_dir": "a/b", "model": "c"},
    "a module that ours imports": {"_target_": "gan_lab.atomic.os.system", "_args_": ["touch pwned"]},
    "a module in a room that imports it": {"_target_": "gan_lab.data.store.os.system", "_args_": ["touch pwned"]},
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
        *(("sample", place) for place in PLACES),
        *(("evaluate", place) for place in ("data.evil", "extractor.evil")),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in product(("evaluate", "resume"), PLACES)),
        *(pytest.param("resume", place, marks=pytest.mark.slow) for place in ("data.evil", "extractor.evil")),
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
                                      "++hydra/launcher=evil", "callback@hydra.callbacks=default",
                                      "+data@_global_.hydra.callbacks.evil=fake", 3])  # fmt: skip
def test_the_command_line_in_a_checkpoint_changes_nothing_of_hydra(forged, call, override):
    forged(None, "model.clip", [override])
    with pytest.raises(SystemExit, match="its command line holds"):
        call(train.main, "resume=run")


@pytest.mark.parametrize("override", ["network.generator._target_=run.payload.x", "model.latent.path=run.payload.x"])
def test_the_command_line_in_a_checkpoint_imports_nothing(forged, call, override):
    Path(forged(None, "model.clip", [override]), "payload.py").write_text("open('pwned', 'w')")
    with pytest.raises(SystemExit, match=r"asks for run\.payload\.x.*add trust=\[run\]"):
        call(train.main, "resume=run")
    assert not Path("pwned").exists()


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


@pytest.mark.parametrize("model", ["gan", *(pytest.param(m, marks=pytest.mark.slow) for m in MODELS if m != "gan")])
def test_what_the_models_of_gan_lab_name_is_trusted(model):
    trust.check(tiny(f"model={model}"), "a.ckpt")


NO_FILE_HOLDS = ("sweep", "launcher", "hparams_search", "eval", "sample")
"""Groups that only a command line chooses, for no run or checkpoint keeps them."""


def test_all_that_the_yaml_files_name_is_trusted():
    for path in sorted(CONF.rglob("*.yaml")):
        if path.parent != CONF and path.relative_to(CONF).parts[0] not in NO_FILE_HOLDS:
            for key, target in trust._targets(OmegaConf.to_container(OmegaConf.load(path))):
                trust._check_target(key, target, path, ())


# ----- other files -----------------------------------------------------------------------------------------------------------


class Trap:
    """Executes code when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("pwned"),)


def changed(content, key, value):
    """The content with another value at ``a.b``; the whole of it at the empty key."""
    if not key:
        return value
    first, _, rest = key.partition(".")
    return {**content, first: changed(content.get(first), rest, value)}


ODD = [None, -3, float("nan"), "../../pwned", [EVIL], EVIL, {}, 10**400]
"""Values that no file of ours holds in these places."""


@pytest.fixture
def prepared(call, tmp_path):
    """Makes a data module of six pictures that `gan_lab.prepare` has written; and its options."""
    for number in range(6):
        draw(tmp_path / f"pictures/{number}.png", number)
    options = ["data=image_folder", "data.root=pictures", "data.image_size=8", "data.held_out_fraction=0.4",
               "data.batch_size=2", "data.prepared=arrays"]  # fmt: skip
    call(prepare.main, *options, "prepare.workers=0")
    cfg = compose("train", options).data
    return lambda: instantiate(cfg), options


PARTS_OF_A_MANIFEST = ["", "splits", "splits.train", "splits.more", "splits.train.shape", "splits.train.broken",
                       "splits.train.sha256"]  # fmt: skip


def test_a_manifest_of_prepared_images_calls_nothing_and_is_not_believed(prepared, call):
    data, options = prepared
    (path,) = Path("arrays").glob("*/manifest.json")
    content = json.loads(path.read_text())
    data().setup()
    for part in PARTS_OF_A_MANIFEST:
        for value in ODD:
            path.write_text(json.dumps(changed(content, part, value)))
            with pytest.raises(InputError, match=r"manifest\.json' is damaged or missing: delete"):
                data().setup()
    for command in (prepare.main, train.main):
        with pytest.raises(SystemExit, match=r"manifest\.json' is damaged or missing: delete"):
            call(command, *options)
    assert not Path("pwned").exists()


EXTRACTOR = {"data": "squares", "images": "none", "channels": 1, "image_size": 8, "num_classes": 3}


def test_the_file_of_an_extractor_calls_nothing_and_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("evil.npz")
    extractor.write(path, network(1, 8, 3), EXTRACTOR)
    facts, arrays = extractor.read_facts(path), dict(np.load(path))
    extractor.Trained("evil.npz")
    for part in ("", *EXTRACTOR, "sha256"):
        for value in ODD:
            np.savez(path, **arrays | {extractor.FACTS: np.str_(json.dumps(changed(facts, part, value)))})
            with pytest.raises(InputError, match=r"'evil\.npz' (is damaged or no extractor|was written by another version)"):
                extractor.Trained("evil.npz")


ORDERS = {
    "an extractor": (["extractor=trained", "extractor.trained.weights=evil.npz"], "is damaged or no extractor"),
    "statistics": (["extractor=pixels", "reference=evil.npz"], "holds no statistics"),
    "samples": (["extractor=pixels", "samples=evil.npz"], "evil.npz"),
}


@pytest.mark.parametrize("what", ORDERS)
def test_no_file_that_evaluate_reads_is_unpickled(call, tmp_path, what):
    for number in range(4):
        draw(tmp_path / f"made/{number}.png", number)
    trap = np.array([Trap()], object)
    np.savez(tmp_path / "evil.npz", mu=trap, sigma=trap, arr_0=trap, **{extractor.FACTS: trap})
    options, sentence = ORDERS[what]
    given = {"samples": "samples=made", "reference": "reference=made"} | {
        option.partition("=")[0]: option for option in options
    }
    with pytest.raises(SystemExit, match=sentence):
        call(evaluate.main, *given.values(), "metric=frechet", "device=cpu")
    assert not Path("pwned").exists()


def test_a_run_folder_of_a_report_calls_nothing_and_is_not_believed(call, tmp_path, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args: Path("pwned").touch())
    script = "<script>alert(1)</script>"
    parts = ["", *(key for key in summary()), "scores.val/fd_digits8", "final_judgement.scores", "baseline.fd_digits8"]
    for number, part in enumerate(parts):
        for kind, value in enumerate([*ODD, script]):
            (tmp_path / f"runs/{number}-{kind}").mkdir(parents=True)
            content = json.dumps(changed(summary(), part, value))
            (tmp_path / f"runs/{number}-{kind}/summary.json").write_text(content)
    folder = write_run(
        tmp_path / "runs/evil", config(script) | {"evil": EVIL, script: "${oc.env:HOME}"}, end=summary(error=script)
    )
    (folder / "samples/9.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    (folder / "samples/8.txt").write_text(f"{script}\n")
    (folder / "metrics.csv").write_text(f"images_seen,val/{script}\nnan,1\n1e999,1\n2,{'9' * 200_000}\n3,1\n")
    (write_run(tmp_path / "runs/tag") / "config.yaml").write_text("!!python/object/apply:pathlib.Path.touch [pwned]")
    page = (call(report.main, "runs=runs", "max_grids=9") / "report.html").read_text()
    assert script not in page
    assert "evil/9.png" not in page and "samples/9.png cannot be read" in page and "tag/config.yaml cannot be read" in page
    assert not Path("pwned").exists()
