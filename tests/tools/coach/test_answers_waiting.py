"""Rows whose spans or texts nobody wrote yet: the coach leads to proposing them, in the words of the task's type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.coach import coach
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.unlabelled import keep_unlabelled

Make = Callable[..., Any]
ASKED = {"en": "label my rows", "zh-TW": "幫我標資料"}


@pytest.mark.parametrize("language", ["en", "zh-TW"])
@pytest.mark.parametrize(
    ("kind", "labels", "words"),
    [
        ("extraction", ["company"], {"en": ("their spans", "rules, a model"), "zh-TW": ("片段標註", "規則、模型")}),
        ("generation", [], {"en": ("their output", "from a model"), "zh-TW": ("標註輸出", "由模型")}),
    ],
)
def test_what_waits_is_named_and_who_may_propose_it(
    workspace: Workspace, a_task: Make, language: Any, kind: str, labels: list[str], words: dict[str, tuple[str, ...]]
) -> None:
    task = a_task(type=kind, labels=labels, language=language)
    keep_unlabelled(
        task.folder,
        [
            {"id": row_id(text), "text": text, "source": "a", "provenance": {"raw": "0" * 12, "line": 1}}
            for text in ("Acme sells mills.", "Bolt buys nuts.")
        ],
    )
    answer = coach(workspace, ASKED[language], task="mail", language=language)

    assert (answer.next_step.tool, answer.next_step.arguments["action"]) == ("add_examples", "propose")
    assert all(word in answer.message for word in words[language])


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_conversations_are_written_whole(workspace: Workspace, a_task: Make, language: Any) -> None:
    a_task(type="chat", labels=[], language=language)
    answer = coach(workspace, ASKED[language], task="mail", language=language)

    assert answer.next_step.tool == "add_examples" and "{messages}" in answer.next_step.say
    assert ("not labelled row by row" if language == "en" else "不逐列標註") in answer.message
