"""Measure how an extractor's distances respond to known corruptions: ``python -m gan_lab.sensitivity data=digits``."""

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from gan_lab import atomic
from gan_lab.cli.command import command, output_file


def main() -> None:
    """Run the command."""
    command("sensitivity", sensitivity)


def sensitivity(cfg: DictConfig) -> None:
    """Judge real images, untouched and corrupted, as if they were samples; print a table, write ``sensitivity.json``."""
    import torch
    from rich.console import Console
    from rich.table import Table

    from gan_lab.cli import console
    from gan_lab.evaluation import corruption
    from gan_lab.evaluation.extractor import trained
    from gan_lab.evaluation.metric.frechet import Frechet
    from gan_lab.evaluation.metric.kernel import Kernel
    from gan_lab.evaluation.suite import MetricSuite

    console.quiet()
    path = output_file(cfg.out, "out")
    data = instantiate(cfg.data, batch_size=1)
    data.prepare_data()
    data.setup()
    chosen = [f"data={HydraConfig.get().runtime.choices['data']}", *HydraConfig.get().overrides.task]
    extractors = instantiate(trained.with_weights(cfg.get("extractor"), data, chosen))
    suite = MetricSuite({"frechet": Frechet(), "kernel": Kernel(subsets=1)}, extractors)
    sources = corruption.corrupted(data, cfg.num, cfg.noise, cfg.blur, cfg.classes)
    rows = corruption.respond(suite, sources, cfg.batch_size, torch.device(cfg.device))
    atomic.write_json(path, suite.protocol() | {"rows": rows})

    names = [name for name, quantity in suite.quantities.items() if quantity.better]
    table = Table(title=f"beside the training images, on features of {', '.join(each.name for each in suite.extractors)}")
    table.add_column("images")
    for column in ("number", *names):
        table.add_column(column, justify="right", overflow="fold")
    for title, values in rows.items():
        table.add_row(title, f"{values['images']:,}", *(f"{values[name]:.4g}" for name in names))
    Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(table)


if __name__ == "__main__":
    main()
