import json
from dataclasses import asdict

import pytest

from gan_lab.evaluation import places
from gan_lab.evaluation.result import EvalResult


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], "quick"),
        (["run=a", "eval=quick", "device=cuda", "+data.root=/a/b", "out=x", "eval.save_images=made"], "quick"),
        (["eval.num_fake=500", "metric=[frechet,precision_recall]"], "quick-num_fake_500-metric_frechet_precision_recall"),
        (["truncation=0.5", "checkpoint=last"], "quick-truncation_0.5-checkpoint_last"),
        (["samples='/a b/made here/'", "reference=reals.npz"], "quick-samples_made_here-reference_reals.npz"),
    ],
)
def test_a_folder_is_named_after_what_differs_from_the_preset(overrides, told):
    assert places.name("quick", overrides) == told


def test_many_words_give_way_to_a_hash_that_tells_them_apart():
    one, other = (places.name("quick", [f"key{n}=long_value" for n in range(first, 20)]) for first in (0, 1))
    assert one != other
    assert one.startswith("quick-") and len(one) < 20


@pytest.fixture
def kept(tmp_path):
    """Keeps a result of a protocol in a folder."""

    def keep(name, **protocol):
        (tmp_path / name).mkdir()
        made = EvalResult({}, protocol, [], {}, 1.0)
        (tmp_path / name / "metrics.json").write_text(json.dumps(asdict(made)))
        return made

    return keep


def test_a_free_folder_keeps_its_name_and_a_taken_one_gets_a_hash(tmp_path, kept):
    wanted = tmp_path / "quick"
    assert places.place(wanted, {"n": 1}) == (wanted, None)
    kept("quick", n=1)
    marked, former = places.place(wanted, {"n": 2})
    assert (marked.parent, former) == (tmp_path, None)
    assert marked.name.startswith("quick-")
    kept(marked.name, n=2)
    assert places.place(wanted, {"n": 2})[1].protocol == {"n": 2}
    assert places.place(wanted, {"n": 3})[0] not in (wanted, marked)


def test_a_result_of_the_same_protocol_is_found_whatever_its_folder_and_the_path_of_the_run(tmp_path, kept):
    old = kept("quick", run="outputs/a", checkpoint="outputs/a/best.ckpt", n=1)
    wanted, asked = tmp_path / "quick-n_1", {"run": "./outputs/a", "checkpoint": "b", "n": 1}
    assert places.place(wanted, asked) == (wanted, None)
    assert places.place(wanted, asked, [tmp_path / "quick"]) == (tmp_path / "quick", old)


def test_a_damaged_result_stays_as_it_is(tmp_path, kept):
    kept("quick", n=1)
    (tmp_path / "quick/metrics.json").write_text("{")
    assert places.place(tmp_path / "quick", {"n": 1})[0] != tmp_path / "quick"
