"""Train a classifier to judge with, once for all runs: ``python -m gan_lab.train_extractor data=cifar10``."""

import shlex

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from gan_lab.cli.command import command
from gan_lab.cli.words import count
from gan_lab.errors import InputError


def main() -> None:
    """Run the command."""
    command("train_extractor", train_extractor)


def train_extractor(cfg: DictConfig) -> None:
    """Train and write it, or say where it lies already, and how to judge with it."""
    from filelock import FileLock
    from rich.console import Console

    from gan_lab.cli import console
    from gan_lab.evaluation.extractor import trained
    from gan_lab.evaluation.extractor.classifier import Recipe
    from gan_lab.evaluation.extractor.fit import check, fit

    console.quiet()
    screen = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    name = str(HydraConfig.get().runtime.choices["data"])
    data = instantiate(cfg.data, batch_size=1)  # of the run; any fits here
    data.prepare_data()
    data.setup()
    check(data, name)
    recipe = Recipe(
        float(cfg.epochs), cfg.batch_size, float(cfg.max_lr), float(cfg.label_smoothing), data.flip, cfg.seed, cfg.num_features
    )
    path = trained.place(data, name, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        try:
            facts, _ = trained.read(path)
            screen.print(f"{path} is there already, made {facts['date']}")
        except InputError:  # there is none, or a damaged one
            facts = fit(data, name, recipe, cfg.device, path)

    options = [option for option in HydraConfig.get().overrides.task if option.lstrip("+~").startswith("data")]
    words = shlex.join([*options, "metric=[frechet,classifier]", "extractor=trained"])
    screen.print(
        f"{trained.named(facts)} knows {facts['accuracy']:.1%} of {count(facts['num_held_out'], 'held-out image')}, after "
        f"{recipe.epochs:g} x {count(facts['num_train'], 'training image')} ({facts['seconds']:.0f} s) -> {path}\n"
        f"train with it: python -m gan_lab.train {words}\n"
        "judge with it: python -m gan_lab.evaluate run=RUN extractor=trained"
    )


if __name__ == "__main__":
    main()
