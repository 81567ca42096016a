"""A metric of his own, chosen beside gan_lab's in training and in evaluation, and allowed to choose the best checkpoint."""

import json

from gan_lab import evaluate
from tests.stranger.lab import OWN, SMALL, TINY

METRIC = """
    from gan_lab.evaluation.metric import BaseMetric, Quantity


    class MeanGap(BaseMetric):
        '''Distance between the means of the features.'''

        def quantities(self, extractor):
            return {extractor.named("gap"): Quantity("min", "pixels")}

        def __call__(self, inputs):
            gap = inputs.sample.features.double().mean(0) - inputs.reference.features.double().mean(0)
            return {inputs.extractor.named("gap"): float(gap.norm())}
"""


def test_it_stands_beside_the_others_chooses_the_best_checkpoint_and_evaluates(lab, call):
    lab.write(my_metric=METRIC, conf__metric__gap="gap: {_target_: my_metric.MeanGap}")
    run = lab.train(*TINY, *SMALL, "model=gan", "metric=[frechet,gap]", "extractor=pixels", "primary=gap_pixels", *OWN)
    summary = run.read_summary()
    assert (summary["primary"], summary["mode"]) == ("gap_pixels", "min")
    course = summary["scores"]["val/gap_pixels"]
    assert (course["better"], course["unit"]) == ("min", "pixels") and course["best"] <= course["first"]
    assert summary["baseline"]["gap_pixels"] < course["best"]
    chosen = summary["final_judgement"]["scores"]["gap_pixels"]
    assert chosen > 0

    few = ["eval.seeds=[0]", "eval.num_fake=20", "extractor=pixels", "metric=gap"]
    call(evaluate.main, f"run={run.path}", *few, *OWN)
    (path,) = run.evaluation.rglob("metrics.json")
    value = json.loads(path.read_text())["values"]["gap_pixels"]
    assert (value["better"], value["unit"]) == ("min", "pixels") and value["mean"] > 0 and value["baseline"] > 0
