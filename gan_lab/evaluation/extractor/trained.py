"""A classifier that ``python -m gan_lab.train_extractor`` trained on the data at hand; its hash is part of its name.

Another seed, machine or number of threads makes other weights and other scores: a Fréchet distance moves by a tenth to a
fifth. So scores compare only where the name, and so the weights, are the same; copy the file to compare across machines.
"""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from gan_lab import atomic
from gan_lab.data.module import Data
from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.extractor.classifier import VERSION, Recipe, network
from gan_lab.evaluation.extractor.weights import full_precision, sha256
from gan_lab.evaluation.features import cache_folder
from gan_lab.evaluation.source import digest
from gan_lab.ranges import Text
from gan_lab.sizes import height_and_width

TARGET = "gan_lab.evaluation.extractor.trained.Trained"
FACTS = "facts"
"""The array of a file that is no weight: JSON, see `write`."""

HEAD = "1.weight"
"""The array (K, d) that makes logits of features."""

MOST_COUNTED = 20
"""With more classes, one with its fair share of the samples would not reach the ``min_class_share`` of `Classifier`."""


class Trained(Extractor):
    """A frozen classifier in float32, its logits in float64; quantities bear its name, as ``fd_cifar10_1a2b3c4d``.

    Args:
        weights: the file; None: `with_weights` has not found one, for there are no data at hand.
        accuracy: its classes are those of the data, so that samples can show the class asked for.
    """

    differentiable = True

    def __init__(self, weights: Text | None = None, accuracy: bool = True) -> None:
        if weights is None:
            raise InputError(
                "extractor=trained needs a file where there are no data to find it by: give extractor.trained.weights=FILE, "
                "one that python -m gan_lab.train_extractor wrote"
            )
        facts, model = read(Path(weights).expanduser())
        self.name, self.weights_sha256 = named(facts), facts["sha256"]
        self.num_classes, self.knows_labels = facts["num_classes"], accuracy
        self.counts_classes = self.num_classes <= MOST_COUNTED
        self.channels = facts["channels"]
        self.shape = (self.channels, *height_and_width(facts["image_size"]))
        self.features, self.head = model
        self.num_features = model.state_dict()[HEAD].shape[1]
        self.head.double()

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.features.to(device)
        self.head.to(device)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, d) and logits (N, K) of uint8 images (N, C, H, W) of the shape that it was trained on."""
        check_shape(self.name, self.shape, tuple(images.shape[1:]))
        with full_precision(images.device):
            features = self.features(to_unit(images))
            return features, self.head(features.double())


def check_shape(name: str, ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    """Refuse images of another shape than those that the classifier was trained on."""
    if ours != theirs:
        trained, asked = ("x".join(map(str, shape)) for shape in (ours, theirs))
        raise InputError(
            f"the extractor {name} was trained on images of {trained} and judges no others, such as these of {asked}: train "
            "one on these by python -m gan_lab.train_extractor data=NAME"
        )


def named(facts: Mapping[str, Any]) -> str:
    """Name a classifier after the data and the first 8 digits of the hash of its weights."""
    return f"{facts['data']}_{facts['sha256'][:8]}"


# ----- files ---------------------------------------------------------------------------------------------------------------


def folder() -> Path:
    """Return the folder of all classifiers: ``extractors`` in the cache folder."""
    return cache_folder() / "extractors"


def place(data: Data, name: str, recipe: Recipe) -> Path:
    """Return the file of a classifier of these images by this recipe; its name holds all that decides it but the machine."""
    stated = {key: value for key, value in asdict(recipe).items() if value != getattr(Recipe, key, None)}  # beside defaults
    return folder() / f"{name}-{digest({'data': _fingerprint(data), 'version': VERSION} | stated)}.npz"


def images_of(data: Data) -> str:
    """Return a digest of the training images, whether or not their labels are asked for."""
    found = _fingerprint(data)
    if hashes := found.get("sha256"):
        return digest({"sha256": hashes["uint8"]})
    recipe = {key: value for key, value in found["recipe"].items() if key not in ("num_classes", "class_order")}
    return digest({"recipe": recipe, "stamp": found["stamp"]})


def _fingerprint(data: Data) -> dict[str, Any]:
    found = data.fingerprint("train")
    if found is None:
        raise InputError(
            f"{type(data).__name__} cannot tell its images from others: give it a recipe and a stamp, as "
            "gan_lab.data.folder.ImageFolder has them"
        )
    return found


def write(path: Path, model: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write weights and, as JSON, facts about them to an .npz, whole or not at all.

    Args:
        path: the file; its folder is there.
        model: of `network`.
        facts: ``data``, ``images``, ``channels``, ``image_size``, ``num_classes``, and anything else of use to a reader.
    """
    state = model.state_dict()
    arrays = {name: tensor.cpu().contiguous().numpy() for name, tensor in state.items()}
    content = json.dumps({**facts, "version": VERSION, "sha256": sha256(state)})
    with atomic.replacing(path) as partial:
        np.savez(partial, **{FACTS: np.str_(content)}, **arrays)  # type: ignore[arg-type]  # a name may be allow_pickle


def read_facts(path: Path) -> dict[str, Any]:
    """Read the facts about the classifier in a file."""
    if not path.is_file():
        raise InputError(
            f"there is no extractor '{path}': put it there, give another file as weights, or train one by python -m "
            "gan_lab.train_extractor data=NAME"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            facts: dict[str, Any] = dict(json.loads(str(arrays[FACTS])))
        is_ours = facts.get("version") != VERSION or _are_facts(facts)
    except Exception as error:  # a broken zip file fails in many ways
        raise _damaged(path) from error
    if not is_ours:
        raise _damaged(path)
    if facts.get("version") != VERSION:
        raise InputError(
            f"'{path}' was written by another version of gan_lab: train it anew by python -m gan_lab.train_extractor"
        )
    return facts


def _are_facts(facts: Mapping[str, Any]) -> bool:
    """Return whether all is there that is read; the names become part of the names of files."""
    sizes, texts = ("channels", "image_size", "num_classes"), ("data", "images", "sha256")
    return all(type(facts[key]) is int and facts[key] > 0 for key in sizes) and all(
        facts[key].isprintable() and Path(facts[key]).name == facts[key] for key in texts
    )


def read(path: Path) -> tuple[dict[str, Any], nn.Sequential]:
    """Read the facts in a file and the frozen classifier."""
    facts = read_facts(path)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            state = {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != FACTS}
        with torch.device("meta"):  # draws no first weights from the global random state
            model = network(facts["channels"], facts["image_size"], facts["num_classes"], state[HEAD].shape[1])
        model.load_state_dict(state, assign=True)
    except Exception as error:  # as above
        raise _damaged(path) from error
    if sha256(state) != facts["sha256"]:
        raise _damaged(path)
    return facts, model.requires_grad_(False).eval().to(memory_format=torch.channels_last)


def _damaged(path: Path) -> InputError:
    return InputError(
        f"'{path}' is damaged or no extractor: remove it, then python -m gan_lab.train_extractor data=NAME trains it anew"
    )


def find(images: str, remedy: str) -> Path:
    """Find the only file of a classifier that was trained on these images.

    Args:
        images: of `images_of`.
        remedy: the command that trains one, and the option that gives a file.
    """
    paths = [path for path in sorted(folder().glob("*.npz")) if _is_of(path, images)]
    if not paths:
        raise InputError(f"no extractor has been trained on these images: {remedy}")
    if len(paths) > 1:
        raise InputError(
            f"several extractors have been trained on these images ({', '.join(map(str, paths))}): choose; {remedy}"
        )
    return paths[0].absolute()


def _is_of(path: Path, images: str) -> bool:
    try:
        return bool(read_facts(path)["images"] == images)
    except InputError:  # a damaged or an old one, or one that is being written
        return False


# ----- which file a configuration means ------------------------------------------------------------------------------------


def with_weights(choices: Any, data: Data | None, overrides: Iterable[str]) -> Any:
    """Return the configuration of extractors, each `Trained` with the file for these data where it names none.

    Args:
        choices: name -> ``_target_`` and arguments; None: no extractor.
        data: set up; None: there are none to find a file by.
        overrides: the command line that chose the data, before it ``data=NAME`` where that is known.
    """
    found = OmegaConf.create(choices or {})
    for name, choice in found.items():
        if choice._target_ != TARGET or data is None:
            continue
        if choice.get("weights") is None:
            remedy = f"run {command(overrides)}, or give extractor.{name!s}.weights=FILE"
            choice.weights = str(find(images_of(data), remedy))
        facts = read_facts(Path(choice.weights).expanduser())
        check_shape(named(facts), (facts["channels"], *height_and_width(facts["image_size"])), data.shape)
    return found


def command(overrides: Iterable[str]) -> str:
    """Return the command that trains a classifier of the data that a command line chose."""
    given = list(overrides)
    name = next((override for override in given if override.startswith("data=")), "data=NAME")
    options = [override for override in given if override.lstrip("+~").startswith(("data.", "data/"))]
    kept = [option for option in options if option != "data.num_classes=null"]
    return f"python -m gan_lab.train_extractor {shlex.join([name, *kept])}"
