"""What cannot be true at once is noticed, in both languages, with what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.foundation.language import LANGUAGES, Language
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.coach import coach
from nlp_skills.tools.coach.contradictions import Facts, contradictions, wanted_answer

Make = Callable[..., Any]
SOUND = Facts(
    rows=1200,
    labels=("billing", "delivery", "other"),
    threshold=0.85,
    baseline=0.78,
    deadline="end of May",
    privacy="on-premise",
    hardware="laptop, no GPU",
    budget="none",
    deployment="this machine",
    source="/data/mails.csv",
    example="“My parcel is late” → delivery (urgent)",
)
PLANTED: list[tuple[Facts, str, str]] = [
    (Facts(rows=500, label_count=40), "500 rows over 40 labels", "500 筆分給 40 個標籤"),
    (Facts(labels=("spam",)), "One label", "只有一個標籤"),
    (Facts(threshold=0.7, baseline=0.75), "not above today's 0.75", "沒有高於目前的 0.75"),
    (Facts(threshold=1.0), "100%", "100%"),
    (Facts(deadline="tomorrow"), "deadline", "期限"),
    (Facts(deadline="明天下午"), "deadline", "期限"),
    (Facts(privacy="on-premise", hardware="AWS"), "must stay inside", "不得離開內部"),
    (Facts(privacy="on-premise", deployment="雲端"), "must stay inside", "不得離開內部"),
    (Facts(privacy="on-premise", source="用 GPT 生成"), "outside model", "外部模型"),
    (Facts(budget="0", hardware="RunPod"), "budget of zero", "沒有預算"),
    (Facts(budget="沒有", hardware="租雲端 GPU"), "budget of zero", "沒有預算"),
    (Facts(labels=("billing", "other"), example="Late parcel → delivery"), "“delivery” is not among", "標籤裡沒有"),
    (Facts(labels=("positive", "Positive ", "negative")), "same label", "同一個標籤"),
    (
        Facts(example="Where is my parcel? → Dear Ann, we are sorry to hear that and will look into it at once"),
        "written text",
        "要寫出來的文字",
    ),
    (Facts(hardware="my laptop without GPU, Llama 70B"), "large GPU", "大型 GPU"),
]


@pytest.mark.parametrize(("facts", "english", "chinese"), PLANTED)
def test_a_contradiction_is_said_in_both_languages(facts: Facts, english: str, chinese: str) -> None:
    found = contradictions(facts)
    assert len(found) == 1
    assert english in found[0].en
    assert chinese in found[0].zh


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_contradiction_says_what_to_do(language: Language) -> None:
    ways = (
        r"merge|begin|collect|add|keep|set it|name|take|label|train|let it|say which"
        if language == "en"
        else r"請|先|改用|只給|小模型|補|例如|標起來"
    )
    for facts, *_ in PLANTED:
        for said in contradictions(facts):
            assert re.search(ways, said.to(language), re.IGNORECASE), said


def test_a_sound_goal_is_accused_of_nothing() -> None:
    assert contradictions(SOUND) == []
    assert contradictions(Facts()) == []
    assert contradictions(Facts(deadline="tomorrow", has_data=True)) == []
    assert contradictions(Facts(deadline="tomorrow", rows=800)) == []


def test_no_more_than_three_are_said_at_a_time() -> None:
    assert (
        len(
            contradictions(
                Facts(
                    rows=50,
                    labels=("a", "A", "b" * 60),
                    threshold=1.0,
                    baseline=1.0,
                    deadline="today",
                    privacy="on-premise",
                    hardware="AWS",
                    budget="0",
                )
            )
        )
        == 3
    )


@pytest.mark.parametrize(
    ("example", "answer"),
    [
        ("“又延遲了” → 物流", "物流"),
        ("late -> delivery (urgent)", "delivery"),
        ("late => “delivery”.", "delivery"),
        ("甲贏、乙輸，問乙 → 負面（實體）", "負面"),
        ("no arrow here", ""),
        ("", ""),
    ],
)
def test_the_answer_is_read_behind_the_arrow(example: str, answer: str) -> None:
    assert wanted_answer(example) == answer


def test_they_are_noticed_before_a_task_is_created_and_again_in_it(workspace: Workspace, a_task: Make) -> None:
    answers = {
        "pain_point": "x",
        "goal": "y",
        "example": "late → delivery",
        "labels": ["billing", "other"],
        "privacy": "on-premise",
        "hardware": "AWS",
        "budget": "0",
    }
    led = coach(workspace, answers=answers, language="en")
    assert led.next_step.tool == "create_task"
    for words in ("“delivery” is not among", "must stay inside", "budget of zero"):
        assert words in led.message
    a_task(success_criteria={"threshold": 1.0, "baseline": 0.9}).source().data()
    assert "100%" in coach(workspace, task="mail").message


def test_a_threshold_is_said_and_kept_as_it_was_given(workspace: Workspace) -> None:
    known = {
        "pain_point": "mails wait",
        "goal": "sorted at once",
        "type": "classification",
        "labels": ["a", "b"],
        "privacy": "open",
        "threshold": "99.9%",
    }
    answer = coach(workspace, answers=known)
    assert "A threshold of 99.9% cannot be shown" in answer.message
    assert answer.next_step.arguments["success_criteria"]["threshold"] == 0.999
