import pytest

from gan_lab.cli.compose import compose
from gan_lab.cli.renamed import KEYS, OPTIONS, current


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["metric=digits8"], ["metric=[frechet,classifier]", "extractor=digits8"]),
        (["metric=digits8", "metric.primary=cs_digits8", "metric.mode=max"],
         ["metric=[frechet,classifier]", "extractor=digits8", "primary=cs_digits8"]),
        (["data=cifar10", "metric.extractor.download=false"], ["data=cifar10", "extractor.inception.download=false"]),
        (["metric=trained", "metric.extractor.weights=b.npz"],
         ["metric=[frechet,classifier]", "extractor=trained", "extractor.trained.weights=b.npz"]),
        (["data=gaussians", "metric.min_share=0.02"], ["data=gaussians", "metric.modes.min_share=0.02"]),
        (["metric.min_class_share=0.1"], ["metric.classifier.min_class_share=0.1"]),
        (["~callback.judge"], ["~callback.validation"]),
        (["callback=[record,judge,limit,checkpoint]"], ["callback=[loss_logger,validation,stop_condition,checkpoint]"]),
        (["callback.record.every_steps=7"], ["callback.loss_logger.every_steps=7"]),
    ],
)  # fmt: skip
def test_old_names_of_training_work_and_a_warning_names_the_new_ones(old, new):
    found, warnings = current(old)
    assert found == new
    changed = [option for option in old if option not in new]
    assert [warning.split(" is an old name")[0] for warning in warnings] == changed
    assert all(option in " ".join(warnings) for option in new if option not in old)
    compose("train", [option for option in found if not option.startswith("~")])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["a=x", "b=y", "again=true"], ["samples=x", "reference=y", "overwrite=true"]),
        (
            ["score=frechet", "score=[infinity,monge,kernel]"],
            ["metric=frechet", "metric=[frechet_infinity,sliced_wasserstein,kernel]"],
        ),
        (["score=infinity", "score.infinity.points=9"], ["metric=frechet_infinity", "metric.frechet_infinity.points=9"]),
        (["score=kernel", "+score.kernel.subsets=3"], ["metric=kernel", "+metric.kernel.subsets=3"]),
        (["extractor=dinov2", "extractor.weights=f.pth"], ["extractor=dinov2", "extractor.dinov2.weights=f.pth"]),
    ],
)
def test_old_names_of_evaluation_work(old, new):
    assert current(old)[0] == new
    compose("evaluate", [option.lstrip("+") for option in new])


@pytest.mark.parametrize("path", ["great_circle", "straight"])
def test_old_formats_of_samples_are_paths_of_a_mode(path):
    new = ["mode=interpolate", f"path={path}"]
    assert current([f"format={path}"])[0] == new
    assert compose("sample", new).path._target_ == compose("sample", [new[1]]).path._target_


def test_what_has_no_old_name_stays_without_a_warning():
    given = ["-m", "--config-dir", "a", "metric=[frechet,kernel]", "extractor=[digits8,pixels]", "data.b=1", "alpha=2",
             "metric.kernel.subsets=3", "extractor.inception.weights=f", "hydra.sweep.dir='x y=z'", "seed=0,1"]  # fmt: skip
    assert current(given) == (given, [])


def test_no_new_name_is_an_old_one():
    assert not KEYS.keys() & {key.split("=")[0] for new in OPTIONS.values() for key in new if key != "metric"}
    for option in (option for new in OPTIONS.values() for option in new):
        assert current([option]) == ([option], [])
