"""What a diagnosis makes of other evidence, and how its advice becomes a plan with a prediction."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.figures import figure
from nlp_skills.resources.foundation.files import (
    dump_jsonl,
    read_yaml,
    sha256_file,
    write_atomic,
    write_json,
    write_yaml,
)
from nlp_skills.resources.foundation.language import Language
from nlp_skills.resources.task import Constraints
from nlp_skills.resources.version import reserve_version
from nlp_skills.tools.evaluate.diagnosis import rewards
from nlp_skills.tools.evaluate.diagnosis.cause import known_causes
from nlp_skills.tools.evaluate.record import keep_answers
from nlp_skills.tools.train.planning import plan_training
from tests.tools.train.test_diagnose import (
    INJECTION,
    NOTHING_LEARNT,
    PAGES,
    Planted,
    ask,
    between,
    mostly_wrong,
    planted,
    read_refusal,
)

__all__ = ["planted"]

pytestmark = pytest.mark.anyio


async def test_what_a_deployment_and_another_benchmark_showed_counts_too(planted: Planted) -> None:
    folder = planted.commit_evaluation(planted.train_version())
    write_json(
        planted.task.deployments / "d1.json",
        {"version": "v1", "target": "local", "parity": {"raw": 0.8, "label": 14 / 15, "count": 15}},
    )
    evaluations = [one.to_dict() for one in folder.evaluations()]
    other = {
        **evaluations[0],
        "benchmark": {"name": "general", "hash": "00" * 32, "count": 50},
        "metrics": {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}},
        "baselines": {"base_model": {"accuracy": 0.8}},
    }
    write_json(folder.results_file, {"format": 1, "evaluations": [other, *evaluations]})
    names = {cause["name"]: cause for cause in (await ask(planted, complaint="bad since it is live"))["causes"]}
    assert names.keys() == {"after_deployment", "forgetting"} and "1 of 15" in names["after_deployment"]["reasons"][0]


async def test_a_worse_child_is_told_from_one_that_may_be_chance(planted: Planted) -> None:
    planted.commit_evaluation(planted.train_version(), lambda number, gold: gold if number != 14 else None)
    plan_training(planted.workspace, planted.task, {"epochs": 9}, "v1", [], "longer")
    child = planted.train_version("longer")
    planted.commit_evaluation(child, lambda number, gold: gold if number > 2 else "中性")
    unsure = await ask(planted)
    found = next(cause for cause in unsure["causes"] if cause["name"] == "not_better")
    assert "may be chance" in found["reasons"][0] and "not shown" in unsure["best"] and "8 → 9" in found["reasons"][2]
    planted.commit_evaluation(child, lambda number, gold: None if number < 12 else gold)
    worse = await ask(planted, complaint="v2 變差了")
    assert "v2 不如 v1" in worse["message"]
    assert worse["best"].startswith("v1 優於 v2。")


async def test_a_training_the_audit_refused_is_diagnosed_from_its_refusal(planted: Planted) -> None:
    folder = planted.train_version(max_length=16)
    folder.model_info_file.unlink()
    folder.evidence_file.unlink()
    write_json(
        folder.failure_file,
        {
            "format": 1,
            "cancelled": False,
            "error": {"code": "training", "field": "max_length", "details": {"problems": {"truncated": 30}}},
        },
    )
    answer = await ask(planted)
    assert answer["standing"] is None and answer["causes"][0]["name"] == "truncation"
    plan = read_yaml(Path(answer["plan"]["file"]))
    assert plan["max_length"] == 32 and plan["parent"] is None and plan["epochs"] == 8
    assert "failed" in answer["message"] and "not been evaluated" in answer["not_known"]["imbalance"]


async def test_before_an_evaluation_only_the_training_speaks(planted: Planted) -> None:
    planted.train_version()
    answer = await ask(planted)
    assert "not been evaluated" in answer["message"] and answer["next_step"]["tool"] == "evaluate"
    assert answer["causes"] == [] and "evaluated" in answer["not_known"]["confused_labels"]


async def test_a_version_without_evidence_says_what_is_not_known(planted: Planted) -> None:
    folder = planted.commit_evaluation(planted.train_version(), mostly_wrong)
    folder.evidence_file.unlink()
    answer = await ask(planted)
    assert {"rate_too_high", "label_noise", "wrong_template", "end_of_turn"} <= answer["not_known"].keys()


async def test_answers_changed_by_hand_are_not_believed(planted: Planted) -> None:
    folder = planted.commit_evaluation(planted.train_version(None, NOTHING_LEARNT, learning_rate=0.05), mostly_wrong)
    shutil.rmtree(folder.root / "predictions")
    folder.predictions_file.write_text("{}\n", encoding="utf-8")
    answer = await ask(planted)
    assert answer["causes"][0]["name"] == "rate_too_high" and all(not cause["rows"] for cause in answer["causes"])


async def test_a_plan_the_person_has_edited_is_left_as_it_is(planted: Planted) -> None:
    planted.commit_evaluation(planted.train_version(None, NOTHING_LEARNT, learning_rate=0.05), mostly_wrong)
    file = Path((await ask(planted))["plan"]["file"])
    write_yaml(file, {**read_yaml(file), "epochs": 3})
    before = sha256_file(file)
    await ask(planted)
    assert sha256_file(file) == before


async def test_a_change_of_data_carries_its_prediction_into_the_next_plan(planted: Planted) -> None:
    planted.commit_evaluation(planted.train_version(), lambda _, gold: "中性" if gold == "負面" else gold)
    answer = await ask(planted)
    assert answer["plan"] is None and answer["next_step"]["tool"] == "set_data_source"
    plan_training(planted.workspace, planted.task, {}, "v1", [], "the-same")
    rows = planted.snapshot.rows("train")
    write_atomic(planted.task.data / "train.jsonl", dump_jsonl(rows[1:]))
    plan_training(planted.workspace, planted.task, {}, "v1", [], "other-rows")
    plan_training(planted.workspace, planted.task, {"epochs": 3}, "v1", [], "another")
    planned = {name: read_yaml(planted.task.configs / f"{name}.yaml") for name in ("the-same", "other-rows", "another")}
    assert planned["other-rows"]["expects"]["low"] == answer["expected"]["low"]
    assert "expects" not in planned["the-same"] and "expects" not in planned["another"]


async def test_the_advised_change_keeps_its_prediction_whoever_plans_it(planted: Planted) -> None:
    planted.commit_evaluation(planted.train_version(None, NOTHING_LEARNT, learning_rate=0.05), mostly_wrong)
    plan_training(planted.workspace, planted.task, {"learning_rate": 2e-3}, "v1", [], "by-the-coach")
    assert read_yaml(planted.task.configs / "by-the-coach.yaml")["expects"]["metric"] == "macro_f1"


async def test_row_text_is_quoted_as_data_and_hidden_on_premise(planted: Planted) -> None:
    folder = planted.train_version()
    planted.commit_evaluation(folder, lambda _, gold: "中性" if gold == "負面" else gold)
    record = folder.evaluations()[0].to_dict()
    lines = [json.loads(line) for line in folder.predictions_file.read_text(encoding="utf-8").splitlines()]
    record["predictions_hash"] = keep_answers(folder, [{**line, "text": INJECTION * 9} for line in lines])
    write_json(folder.results_file, {"format": 1, "evaluations": [record]})
    open_answer = await ask(planted)
    rows = open_answer["causes"][0]["rows"]
    assert rows and all(len(row["text"]) <= 121 for row in rows)
    assert INJECTION[:20] not in json.dumps({**open_answer, "causes": []}, ensure_ascii=False)
    definition = planted.task.load()
    planted.task.save(definition.model_copy(update={"constraints": Constraints(privacy="on-premise")}))
    hidden = await ask(planted)
    assert INJECTION[:20] not in json.dumps(hidden, ensure_ascii=False) and hidden["causes"][0]["rows"][0]["id"]


async def test_a_complaint_is_answered_in_its_language_and_points_at_a_cause(planted: Planted) -> None:
    planted.commit_evaluation(planted.train_version(), lambda _, gold: "中性" if gold == "負面" else gold)
    plain = await ask(planted)
    pointed = await ask(planted, complaint="它老是把兩個標籤搞混")
    assert pointed["causes"][0]["name"] == "confused_labels" and "最可能的原因" in pointed["message"]
    assert "likeliest cause" in plain["message"] or "最可能的原因" in plain["message"]


async def test_what_cannot_be_diagnosed_is_refused_with_a_way_on(planted: Planted) -> None:
    assert "plan_training" in await read_refusal(planted)
    reserve_version(planted.task)
    assert "job_status" in await read_refusal(planted)
    assert "v1" in await read_refusal(planted, version="v9")


def test_every_cause_has_a_known_page_and_both_titles() -> None:
    kinds = known_causes()
    assert len({kind.name for kind in kinds}) == len(kinds) >= 16
    for kind in kinds:
        assert kind.page.removeprefix("llm-knowledge/") in PAGES and kind.title.en and kind.title.zh


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Train v2 on with rewards (grpo)"), ("zh-TW", "讓 v2 接著做獎勵訓練（grpo）")]
)
async def test_answers_that_stay_invalid_after_longer_training_get_a_plan_with_rewards_that_goes_on_from_it(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, language: Language, said: str
) -> None:
    monkeypatch.setattr(rewards, "figure", lambda name: 50 if name == "reward_rows" else figure(name))

    def right(number: int, gold: str) -> str | None:
        return None if number % 4 == 0 else gold

    planted.commit_evaluation(planted.train_version(epochs=4), right)
    plan_training(planted.workspace, planted.task, {"epochs": 6}, "v1", [], "longer")
    planted.commit_evaluation(planted.train_version("longer"), right)
    answer = await ask(planted, language, version="v2")
    assert answer["plan"]["settings"] == {"method": "grpo"} and said in answer["message"], answer
    plan = read_yaml(Path(answer["plan"]["file"]))
    assert (plan["method"], plan["parent"], plan["base_model"]) == ("grpo", "v2", "news/v2")
    assert plan["rewards"] == ["label_match"] and plan["num_generations"] == 8, "the number of answers that is told"
    assert "8" in "".join(answer["causes"][0]["reasons"])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("domain_shift", {"told_apart": {"auc": 0.99, "words": {"train": ["公告"], "test": ["客服"]}}}),
        ("format_mismatch", {"forms": {"capitals": {"train": 1.0, "valid": 1.0, "test": 0.0}}}),
        (
            "leaked_feature",
            {
                "giveaways": {
                    "signs": [{"sign": "A…", "label": "正面", "rows": 20}],
                    "codes": True,
                    "train": 1.0,
                    "test": 0.0,
                    "holds": 0.0,
                    "rows": [],
                }
            },
        ),
        (
            "duplicated_rows",
            {
                "repeated": {
                    "正面": {"rows": 120, "different": 12},
                    "中性": {"rows": 20, "different": 20},
                    "負面": {"rows": 20, "different": 20},
                }
            },
        ),
    ],
)
async def test_what_lies_between_the_splits_is_accused_first(
    planted: Planted, name: str, found: dict[str, Any]
) -> None:
    folder = planted.commit_evaluation(
        planted.train_version(),
        lambda number, gold: "中性" if gold == "正面" or number % 3 else gold,
        evidence={"between": between(**found)},
    )
    causes = [cause["name"] for cause in (await ask(planted))["causes"]]
    assert causes[0] == name
    write_json(
        folder.evidence_file,
        {**folder.evidence().to_dict(), "evaluation": {**folder.evidence().evaluation, "between": between()}},
    )
    assert name not in [cause["name"] for cause in (await ask(planted))["causes"]]


async def test_a_code_that_still_holds_in_the_test_makes_the_score_too_good(planted: Planted) -> None:
    planted.commit_evaluation(
        planted.train_version(),
        evidence={
            "between": between(
                giveaways={
                    "signs": [{"sign": "A…", "label": "正面", "rows": 20}],
                    "codes": True,
                    "train": 1.0,
                    "test": 1.0,
                    "holds": 1.0,
                    "rows": [],
                }
            )
        },
    )
    found = await ask(planted, complaint="好得不真實")
    assert found["causes"][0]["name"] == "leaked_feature" and found["expected"]["high"] <= 1.0


async def test_wrong_labels_in_the_test_need_no_training(planted: Planted) -> None:
    rows = planted.snapshot.rows("test")
    wrong = {row["id"]: "中性" if row["label"] != "中性" else "負面" for row in rows[:5]}
    planted.commit_evaluation(
        planted.train_version(),
        lambda number, gold: list(wrong.values())[number] if number < 5 else gold,
        evidence={
            "between": between(
                test_suspects={"rows": 15, "sure": 15, "denied": 5, "right": 0.66, "likelier": wrong, "examples": []}
            )
        },
    )
    found = await ask(planted)
    assert found["causes"][0]["name"] == "mislabelled_test" and found["plan"] is None
    assert {row["id"] for row in found["causes"][0]["rows"]} <= set(wrong) and found["next_step"]["tool"] == "evaluate"


async def test_labels_that_are_no_better_than_chance_are_laid_beside_their_source(planted: Planted) -> None:
    planted.commit_evaluation(
        planted.train_version(),
        lambda *_: "中性",
        evidence={
            "label_suspects": {"rows": 60, "found": 40, "agreement": 0.33, "pairs": [], "examples": [], "ids": []}
        },
    )
    found = await ask(planted)
    assert found["causes"][0]["name"] == "labels_at_chance" and found["next_step"]["tool"] == "set_data_source"
