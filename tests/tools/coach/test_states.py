"""Every state of a task, told by the coach in both languages, with the exact next call."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources import spending
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools import coach as coach_package
from nlp_skills.tools.coach.coach import coach
from nlp_skills.tools.tasks.update import update_task

LONGEST_TOKENS = 2_000
ERROR = {
    "code": "training",
    "problem": {"en": "The base model is gone.", "zh": "基礎模型不見了。"},
    "fix": {"en": "Put it back.", "zh": "請放回去。"},
}
IMBALANCED = {"billing": 500, "delivery": 300, "other": 40}
COACH = Path(coach_package.__file__).parent
PAGES = {
    "choosing-a-method",
    "retrieval-or-training",
    "base-models",
    "lora",
    "hyperparameters",
    "preference-methods",
    "reward-methods",
    "data-sizes",
    "annotation",
    "imbalance",
    "synthetic-data",
    "memory-time-cost",
    "sentiment",
    "ner-and-extraction",
    "chat-templates",
    "output-formats",
    "evaluation",
    "statistics",
    "deployment",
    "quantization",
    "traditional-chinese",
    *(
        f"trouble-{name}"
        for name in (
            "out-of-memory",
            "underfitting",
            "overfitting",
            "rate-too-high",
            "loss-nan",
            "label-noise",
            "imbalance",
            "wrong-template",
            "end-of-turn",
            "truncation",
            "invalid-answers",
            "forgetting",
            "not-better",
            "bad-after-deployment",
            "simplified-characters",
            "slow-training",
        )
    ),
}
Make = Callable[..., Any]

Build = Callable[[Any], Any]

# What the task's file says besides the usual, how its folder was filled, and the stage and tool that must follow.
STATES: dict[str, tuple[dict[str, Any], Build, str, str]] = {
    "no pain point yet": ({"pain_point": None}, lambda t: t, "clarifying", "update_task"),
    "no labels yet": ({"labels": []}, lambda t: t, "clarifying", "update_task"),
    "no source yet": ({}, lambda t: t, "data", "set_data_source"),
    "source, not prepared": ({}, lambda t: t.source(), "data", "prepare_data"),
    "preparing": ({}, lambda t: t.source().job("regenerate", "running"), "data", "job_status"),
    "preparing failed": ({}, lambda t: t.source().job("regenerate", "failed", ERROR), "data", "prepare_data"),
    "data, no threshold": ({"success_criteria": {}}, lambda t: t.source().data(), "plan", "update_task"),
    "data, ready to plan": ({}, lambda t: t.source().data(), "plan", "plan_training"),
    "planned": ({}, lambda t: t.source().data().plan(), "training", "train"),
    "training": ({}, lambda t: t.source().data().plan().job("train", "running"), "training", "job_status"),
    "training interrupted": (
        {},
        lambda t: t.source().data().plan().job("train", "interrupted"),
        "training",
        "manage_job",
    ),
    "training cancelled": ({}, lambda t: t.source().data().plan().job("train", "cancelled"), "training", "manage_job"),
    "training failed": ({}, lambda t: t.source().data().plan().job("train", "failed", ERROR), "training", "train"),
    "trained": ({}, lambda t: t.source().data().version(), "evaluation", "evaluate"),
    "evaluating": ({}, lambda t: t.source().data().version().job("evaluate", "running"), "evaluation", "job_status"),
    "short of the goal": (
        {},
        lambda t: t.source().data().version().evaluation(value=0.6, f1={"billing": 0.7, "delivery": 0.7, "other": 0.4}),
        "deciding",
        "set_data_source",
    ),
    "no goal set": (
        {"success_criteria": {}},
        lambda t: t.source().data().version().evaluation(),
        "deciding",
        "update_task",
    ),
    "goal met": ({}, lambda t: t.source().data().version().evaluation(value=0.9), "deploy", "deploy"),
    "live": ({}, lambda t: t.source().data().version().evaluation(value=0.9).deploy(), "live", "set_data_source"),
    "deployed, not serving": (
        {},
        lambda t: t.source().data().version().evaluation(value=0.9).deploy(serving=False),
        "live",
        "manage_job",
    ),
    "new data since v1": (
        {},
        lambda t: t.source().version().evaluation().data(digest="c" * 64),
        "plan",
        "plan_training",
    ),
    "archived": ({"archived": "2026-11-01"}, lambda t: t, "archived", "manage_task"),
}


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_has_one_exact_next_call(workspace: Workspace, a_task: Make, state: str, language: str) -> None:
    fields, build, stage, tool = STATES[state]
    build(a_task(language=language, **fields))
    answer = coach(workspace, task="mail", language=language)
    assert (answer.stage, answer.next_step.tool) == (stage, tool)
    assert answer.message
    assert answer.next_step.say
    assert answer.next_step.arguments
    assert answer.question is not None
    assert answer.question.why
    assert answer.question.default
    assert 2 <= len(answer.question.examples) <= 3
    size = len(json.dumps(answer.model_dump(mode="json"), ensure_ascii=False))
    assert size / 4 <= LONGEST_TOKENS


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_told_in_chinese_when_chinese_is_spoken(workspace: Workspace, a_task: Make, state: str) -> None:
    fields, build, _, _ = STATES[state]
    build(a_task(language="zh-TW", **fields))
    answer = coach(workspace, task="mail", language="zh-TW")
    texts = [answer.message, answer.next_step.say]
    if answer.question:
        texts += [answer.question.ask, answer.question.why]
    if answer.decision:
        texts += [answer.decision.what, answer.decision.recommendation, *answer.decision.reasons]
    for text in texts:
        han = sum("\u3400" <= character <= "\u9fff" for character in text)
        assert han >= 2, text


def test_the_message_opens_with_the_benefit_in_their_own_words_and_once(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version().evaluation(value=0.6)
    message = coach(workspace, task="mail").message
    assert message.startswith("Your goal: “Every mail in the right queue within a minute”.")
    assert message.count("right queue") == 1


def test_who_waits_for_a_job_does_not_hear_the_goal_at_every_look(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().plan().job("train", "running")
    assert "right queue" not in coach(workspace, task="mail").message


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda t: t.source().data(), ["570 rows to train on", "840 rows kept", "no money", "goal is macro-F1 0.8"]),
        (
            lambda t: t.source().data().version(training={"tokens": 173480}),
            ["2 min of training", "173,480 tokens", "no money", "not measured yet"],
        ),
        (
            lambda t: t.source().data().version().evaluation(value=0.6),
            ["goal of 0.8", "today's way (0.6)", "2 min of training", "no money"],
        ),
    ],
)
def test_a_stage_is_closed_with_what_was_learned_what_it_cost_and_the_score(
    workspace: Workspace, a_task: Make, build: Build, told: list[str]
) -> None:
    build(a_task())
    message = coach(workspace, task="mail").message
    assert [words for words in told if words not in message] == []


def test_money_that_the_task_took_is_told_where_a_stage_is_closed(workspace: Workspace, a_task: Make) -> None:
    task = a_task().source().data().version()
    spending.record_payment(task.folder, "job", "a100", 1.25, "USD")
    message = coach(workspace, task="mail").message
    assert "no money" not in message and "Spent so far: 1.25 USD." in message


def test_the_data_is_told_once_and_not_with_every_question(workspace: Workspace, a_task: Make) -> None:
    task = a_task(current_method=None, success_criteria={}, constraints={}).source().data()
    assert "570 rows" in coach(workspace, task="mail").message
    later = time.time() + 60
    update_task(task.folder, {"current_method": "By hand"})
    os.utime(task.folder.file, (later, later))
    answer = coach(workspace, task="mail")
    assert "570 rows" not in answer.message
    assert answer.question is not None
    assert answer.question.field == "success_criteria.threshold"
    assert "±0.06" in answer.message


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_every_page_that_is_cited_is_one_of_the_knowledge(workspace: Workspace, a_task: Make, language: str) -> None:
    cited = set()
    for number, (fields, build, _, _) in enumerate(STATES.values()):
        build(a_task(f"task-{number}", language, **fields))
        cited |= set(re.findall(r"llm-knowledge/([a-z-]+)", coach(workspace, task=f"task-{number}").model_dump_json()))
    assert len(cited) >= 8
    assert cited <= PAGES


def test_the_sources_of_the_coach_cite_no_page_that_does_not_exist() -> None:
    cited = {
        page
        for path in COACH.rglob("*.py")
        for page in re.findall(r"llm-knowledge/(?:\"\s*\n\s*f?\")?([a-z-]+)\b", path.read_text(encoding="utf-8"))
    }
    assert cited - {"figures"} <= PAGES


def test_a_failed_job_is_told_with_its_own_cause_and_cure(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().plan().job("train", "failed", ERROR)
    answer = coach(workspace, task="mail")
    assert "The base model is gone." in answer.message
    assert answer.next_step.say == "Put it back."


def test_a_source_that_cannot_be_read_is_handed_back_to_be_corrected(workspace: Workspace, a_task: Make) -> None:
    a_task().source().job("preview", "failed", ERROR)
    step = coach(workspace, task="mail").next_step
    assert (step.tool, step.say) == ("set_data_source", "Put it back.")
    assert step.arguments["sources"] == [{"type": "file", "path": "/data/mails.csv"}]


def test_a_preparation_that_failed_for_its_source_leads_back_to_the_source(workspace: Workspace, a_task: Make) -> None:
    a_task().source().job("regenerate", "failed", {**ERROR, "field": "sources[0].mapping.text"})
    assert coach(workspace, task="mail").next_step.tool == "set_data_source"


def test_a_failure_is_old_news_once_something_was_changed(workspace: Workspace, a_task: Make) -> None:
    task = a_task().source().data().plan().job("train", "failed", ERROR)
    task.plan("plan-v1b")
    assert coach(workspace, task="mail").next_step.arguments["plan"] == "plan-v1b"


def test_a_result_within_chance_of_the_goal_is_called_close(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version().evaluation(value=0.74, low=0.68, high=0.81)
    assert "close to your goal of 0.800" in coach(workspace, task="mail").message


def test_tf_idf_winning_is_said(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version().evaluation(value=0.7, tfidf=0.85)
    answer = coach(workspace, task="mail")
    assert "TF-IDF" in answer.message
    assert answer.decision is not None
    assert "Take the simple method" in answer.decision.options


def test_a_rare_weakest_label_is_shown_more_often(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version(train=IMBALANCED).evaluation(
        value=0.6, f1={"billing": 0.8, "delivery": 0.7, "other": 0.3}
    )
    step = coach(workspace, task="mail").next_step
    assert step.tool == "plan_training"
    assert step.arguments["settings"] == {"balance": "oversample"}
    assert step.arguments["parent"] == "v1"


def test_answers_that_are_no_labels_come_before_everything_else(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version(train=IMBALANCED).evaluation(value=0.4, invalid=0.3)
    answer = coach(workspace, task="mail")
    assert answer.next_step.arguments["settings"] == {"epochs": 6}
    assert answer.decision is not None
    assert "30.0%" in answer.decision.reasons[0]


def test_learning_by_heart_is_answered_with_fewer_epochs(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version(epochs=8, training={"train_loss": 0.0006, "valid_loss": 0.5}).evaluation(
        value=0.57
    )
    assert coach(workspace, task="mail").next_step.arguments["settings"] == {"epochs": 4}


def test_a_run_that_did_not_learn_its_rows_gets_more_epochs(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version(training={"train_loss": 0.33, "valid_loss": 0.31}).evaluation(value=0.4)
    assert coach(workspace, task="mail").next_step.arguments["settings"] == {"epochs": 6}


def test_an_earlier_better_version_is_named_and_deployed(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data().version().evaluation(value=0.9).version(2, parent="v1").evaluation(2, value=0.85)
    answer = coach(workspace, task="mail")
    assert "v1 is still the best" in answer.message
    assert answer.next_step.arguments["version"] == "v1"


def test_too_few_rows_are_answered_with_not_training_yet(workspace: Workspace, a_task: Make) -> None:
    a_task().source().data({"billing": 12, "delivery": 10, "other": 5})
    answer = coach(workspace, task="mail")
    assert answer.decision is not None
    assert answer.decision.recommendation == "Collect rows, and prompt in the meantime"


def test_a_threshold_below_todays_way_is_noticed(workspace: Workspace, a_task: Make) -> None:
    a_task(success_criteria={"threshold": 0.7, "baseline": 0.75}).source().data()
    assert "not above today's 0.75" in coach(workspace, task="mail").message


def test_an_inline_password_is_never_shown(workspace: Workspace, a_task: Make) -> None:
    a_task().source(
        type="database", connection="postgresql://ann:hunter2@db/crm", query="SELECT 1"
    ).data().version().evaluation(value=0.6)
    for message, tool in (
        ("The rows are in PostgreSQL", "set_data_source"),
        ("The results are bad", "diagnose"),
        (None, "set_data_source"),
    ):
        answer = coach(workspace, message, task="mail")
        assert "hunter2" not in answer.model_dump_json()
        assert answer.next_step.tool == tool


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_where_the_simple_method_wins_nothing_asks_where_to_deploy(
    workspace: Workspace, a_task: Make, language: str
) -> None:
    a_task(language=language).source().data().version().evaluation(value=0.9, tfidf=0.95)
    answer = coach(workspace, task="mail", language=language)
    assert answer.decision is not None
    assert answer.question is not None
    assert answer.question.field == "confirmation"
    assert answer.question.default in answer.question.examples
    assert "update_task" in answer.next_step.say
