import json

import yaml

from gan_lab.export.card import card, judgements
from tests.export.trained import gan_of


def facts(**others):
    _, artifact = gan_of("model=cgan", "network=mlp", "+class_names=[cat,dog,cow]")
    return {"title": "a", "repo": "me/a", "license": None, "model": "cgan", "data": "fake", "samples": "samples.png", "seed": 0,
            "contract": artifact.contract, "scores": [], "overrides": ["model=cgan"]} | others  # fmt: skip


def test_the_head_is_yaml_and_the_contract_is_told():
    text = card(**facts(license="mit"))
    _, head, body = text.split("---\n", 2)
    assert yaml.safe_load(head) == {"license": "mit", "library_name": "gan_lab", "tags": ["gan", "cgan"]}
    assert "whole numbers below 3: cat, dog, cow |" in body
    assert "(N, 1, 8, 8) in [-1, 1]" in body
    assert "this run has not been judged" in body
    assert "No licence" not in body
    assert "No licence has been stated" in card(**facts())


def test_scores_stand_with_their_protocol(tmp_path):
    (tmp_path / "evaluation/quick").mkdir(parents=True)
    values = {"fd_pixels": {"mean": 12.345678, "sd": 0.5, "baseline": None, "better": "min"}}
    protocol = {"n_fake": 500, "split": "train", "seeds": [0, 1], "extractors": {"pixels": {}}, "truncation": None}
    (tmp_path / "evaluation/quick/metrics.json").write_text(json.dumps({"values": values, "protocol": protocol}))
    (judged,) = judgements(tmp_path)
    assert judged.title == "`quick`: split train, n_fake 500, seeds [0, 1], extractor pixels"
    assert judged.rows == [["fd_pixels", "12.35", "0.5", "", "min"]]
    assert "| fd_pixels | 12.35 | 0.5 |  | min |" in card(**facts(scores=[judged]))


def test_a_run_without_evaluations_has_the_scores_of_its_end(tmp_path):
    summary = {"final_judgement": {"scores": {"val/fd": 2.0}}, "baseline": {"val/fd": 1.0},
               "protocol": {"n_fake": 5}}  # fmt: skip
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert judgements(tmp_path)[0].title.endswith("nothing was chosen: n_fake 5")
    assert judgements(tmp_path)[0].rows == [["val/fd", "2", "", "1", ""]]
