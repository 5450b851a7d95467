"""Rewards and preferences are proposed where they fit, with what they cost, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.foundation.language import Language
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.coach import coach

Make = Callable[..., Any]
SUCCESS = {"threshold": 0.9, "baseline": 0.6}


def write_evaluation(task: Any, metrics: dict[str, float], right: float = 0.5) -> Any:
    """An evaluation of what is written freely: the share that is exactly right, and the task's own metric."""
    task.evaluation(value=0.5)
    file = VersionFolder(task.folder, 1).results_file
    record = json.loads(file.read_text())
    found = record["evaluations"][0]
    figures = {"exact_match": right, "invalid_rate": 0.0, **metrics}
    found["metrics"] = {
        name: {"value": value, "low": value - 0.02, "high": value + 0.02} for name, value in figures.items()
    }
    found.update(per_class={}, baselines={"nearest": dict.fromkeys(figures, 0.1)})
    write_json(file, record)
    return task


def extraction(a_task: Make, right: float = 0.5, rows: int = 400, language: Language = "en", **config: Any) -> Any:
    task = a_task(type="extraction", labels=["company"], language=language, success_criteria=SUCCESS)
    task.source().data({"company": rows}).version(train={"company": rows}, **config)
    return write_evaluation(task, {"entity_f1": 0.7}, right)


@pytest.mark.parametrize(
    ("language", "name", "why", "cost", "limit"),
    [
        ("en", "Train v1 on with rewards (grpo)", "50% are right", "each of 400 questions", "they add no knowledge"),
        ("zh-TW", "讓 v1 接著做獎勵訓練（grpo）", "答對 50%", "為 400 個問題各寫 8 個回答", "不會增加知識"),
    ],
)
def test_rewards_are_proposed_for_what_sft_taught_to_be_right_sometimes_with_their_cost(
    workspace: Workspace, a_task: Make, language: Language, name: str, why: str, cost: str, limit: str
) -> None:
    extraction(a_task, language=language)
    answer = coach(workspace, task="mail", language=language)
    assert answer.decision and answer.decision.recommendation == name
    said = "".join(answer.decision.reasons)
    assert why in said and cost in said and limit in said and "llm-knowledge/reward-methods" in said
    assert "2 min" in said or "2 分" in said, "what sft took is told beside it"
    step = answer.next_step
    assert step.tool == "plan_training" and step.arguments["settings"] == {"method": "grpo"}
    assert step.arguments["parent"] == "v1", "it goes on from what was learnt"


@pytest.mark.parametrize(
    "against",
    [{"right": 0.04}, {"right": 0.95}, {"rows": 120}, {"method": "grpo"}],
    ids=["hardly ever right", "nearly always right", "few questions", "rewards were tried"],
)
def test_rewards_are_not_proposed_where_there_is_nothing_to_learn_from_them(
    workspace: Workspace, a_task: Make, against: dict[str, Any]
) -> None:
    extraction(a_task, **against)
    answer = coach(workspace, task="mail")
    assert answer.decision and "grpo" not in answer.decision.model_dump_json()


def test_free_text_is_rewarded_only_where_its_metric_is_a_check(workspace: Workspace, a_task: Make) -> None:
    for name, metric, settings in (
        ("style", "chrf", None),
        ("exact", "exact_match", {"method": "grpo"}),
        ("json", "json_validity", {"method": "grpo", "rewards": ["exact_match", "json_validity"]}),
    ):
        task = a_task(name, type="generation", labels=[], success_criteria={**SUCCESS, "metric": metric})
        task.source().data(unlabelled=300).version()
        rows = VersionFolder(task.folder, 1).data_snapshot_file
        write_json(rows, {**json.loads(rows.read_text()), "label_counts": {}, "counts": {"train": 300}})
        write_evaluation(task, {metric: 0.5})
        assert coach(workspace, task=name).next_step.arguments.get("settings") == settings, name


def test_answers_that_stay_invalid_after_longer_training_are_rewarded_for_being_labels(
    workspace: Workspace, a_task: Make
) -> None:
    task = a_task().source().data().version(epochs=4).evaluation(value=0.6, invalid=0.2)
    assert coach(workspace, task="mail").next_step.arguments["settings"] == {"epochs": 6}, "first the plain cure"
    task.version(2, parent="v1", epochs=6).evaluation(2, value=0.65, invalid=0.15)
    answer = coach(workspace, task="mail")
    assert answer.next_step.arguments["settings"] == {"method": "grpo"} and answer.next_step.arguments["parent"] == "v2"
    assert (
        answer.decision and "15.0%" in answer.decision.reasons[0] and "It is slow" in "".join(answer.decision.reasons)
    )


def test_wrong_labels_are_no_matter_for_rewards(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version(epochs=4).evaluation(value=0.6).version(2, parent="v1", epochs=6).evaluation(
        2, value=0.6
    )
    assert "grpo" not in coach(workspace, task="mail").model_dump_json()


@pytest.mark.parametrize(
    ("language", "name", "before", "cost"),
    [
        ("en", "Preferences with LoRA (DPO)", "settings={'base_model': 'its-task/v1'}", "two to three times"),
        ("zh-TW", "偏好訓練加 LoRA（DPO）", "settings={'base_model': '那個任務/v1'}", "sft 的兩到三倍"),
    ],
)
def test_preferences_are_learnt_with_dpo_from_a_version_that_was_taught_to_answer(
    workspace: Workspace, a_task: Make, language: Language, name: str, before: str, cost: str
) -> None:
    a_task(type="preference", labels=[], language=language).source().data(unlabelled=800)
    decision = coach(workspace, task="mail", language=language).decision
    assert decision and decision.recommendation == name
    said = "".join(decision.reasons)
    assert before in said and cost in said and "llm-knowledge/preference-methods" in said
    assert "TF-IDF" not in decision.model_dump_json()


def test_a_first_plan_for_parts_of_texts_says_when_rewards_would_come(workspace: Workspace, a_task: Make) -> None:
    a_task(type="extraction", labels=["company"]).source().data({"company": 400})
    decision = coach(workspace, task="mail").decision
    assert decision and decision.recommendation == "A small model with LoRA (SFT)"
    assert "grpo" in "".join(decision.reasons) and "TF-IDF" not in decision.model_dump_json()
