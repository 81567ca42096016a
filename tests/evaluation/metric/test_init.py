from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric import BaseMetric, Metric, Quantity
from tests.evaluation.cases import Eyes, case, normal


class Rows(BaseMetric):
    """The number of samples."""

    def quantities(self, extractor):
        return {extractor.named("rows"): Quantity("max", "images")}

    def __call__(self, inputs):
        return {inputs.extractor.named("rows"): float(len(inputs.sample))}


def test_a_metric_of_ones_own_meets_the_contract():
    assert isinstance(Rows(), Metric)
    assert not isinstance(object(), Metric)
    assert Rows().quantities(Eyes()) == {"rows_eyes": Quantity("max", "images")}


def test_the_baseline_is_the_metric_of_held_out_reals_and_empty_without_any():
    assert Rows().baseline(case(normal(5, 2), normal(6, 2), normal(4, 2))) == {"rows_eyes": 4}
    assert Rows().baseline(EvalInputs(Features(normal(5, 2)), Features(normal(6, 2)), None, Eyes(), None)) == {}
