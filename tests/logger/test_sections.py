import pytest

from gan_lab.callback.loss_logger import LossLogger
from gan_lab.logger.csv import CsvLogger
from gan_lab.logger.sections import CLOCKS, section
from gan_lab.run_folder import read_rows
from tests.tiny import EVERY_MODEL, fit, tiny


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_losses_and_their_terms_are_apart_from_what_explains_them(tmp_path, model):
    logger, mlp = (
        CsvLogger(tmp_path / "metrics.csv"),
        ["network=mlp", "network.generator.width=[8]", "network.discriminator.width=[8]"],
    )
    cfg = tiny(
        f"model={model}",
        *mlp,
        "penalty=r1",
        "regularizer=l2",
        "model.growth=null",
        "network.discriminator.norm=none",
        "model.d_steps=1",
        images=8,
    )
    gan = fit(cfg, LossLogger(every_steps=2), logger=logger)
    (row,) = read_rows(logger.path)
    sections = {}
    for name in row.keys() - set(CLOCKS):
        sections.setdefault(section(name).removesuffix(f"/{name}"), set()).add(name)
    explains = {f"{network.name}_{what}" for network in gan.trained_networks() for what in ("gradient_norm", "lr")}
    accuracies = {name for name in row if name.endswith("_accuracy")}
    losses = set(gan.tracked) - {"real_logits", "fake_logits"}
    assert {"d_loss", "g_loss", "r1", "l2"} <= sections["train"]
    assert sections == {"train": losses - explains,
                        "watch": {"d_real", "d_fake", "d_gap"} | explains | accuracies}  # fmt: skip


def test_the_axes_and_what_has_a_section_keep_their_names():
    for name in ("images_seen", "g_steps_done", "d_steps_done", "val/d_overfit", "final/fid", "samples/grid"):
        assert section(name) == name


def test_by_name_the_sections_where_a_person_looks_first_come_first():
    names = [
        "d_gap",
        "d_lr",
        "resolution",
        "alpha",
        "ada_p",
        "d_gradient_norm",
        "d_loss",
        "r1",
        "samples/grid",
        "val/fid",
        "images_per_second",
    ]
    assert list(dict.fromkeys(sorted(section(name).split("/")[0] for name in names))) == ["samples", "train", "val", "watch"]
