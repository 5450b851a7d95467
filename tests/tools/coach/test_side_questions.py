"""What is said beside the way is answered by the call that does it, and not by what was due anyway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.coach.coach import coach
from nlp_skills.tools.coach.intent import understand
from tests.tools.coach.conftest import TaskOnDisk

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("delete the task", {"action": "archive", "task": "mail", "reason": "<why, in their words>"}),
        ("封存這個任務", {"action": "archive", "task": "mail", "reason": "<why, in their words>"}),
        ("go back to v1", {"action": "promote", "task": "mail", "version": "v1"}),
        ("退回 v1", {"action": "promote", "task": "mail", "version": "v1"}),
        ("roll back to the previous version", {"action": "roll_back", "task": "mail"}),
        ("export it for a colleague", {"action": "export", "task": "mail"}),
        ("匯出給同事", {"action": "export", "task": "mail"}),
        ("clone the task", {"action": "clone", "task": "mail", "name": "<short English folder name>"}),
    ],
)
def test_looking_after_a_task_leads_to_the_call_that_does_it(
    workspace: Workspace, a_task: Make, message: str, arguments: dict[str, str]
) -> None:
    a_task().source().data().version().evaluation(value=0.9)
    answer = coach(workspace, message, task="mail")
    assert (answer.next_step.tool, answer.next_step.arguments) == ("manage_task", arguments)
    assert answer.question is not None


@pytest.mark.parametrize("message", ["why macro F1?", "how do I label data", "怎麼標資料？", "什麼是 LoRA？"])
def test_a_question_of_knowledge_is_looked_up_and_what_was_open_stays_open(
    workspace: Workspace, a_task: Make, message: str
) -> None:
    a_task().source().data().version().evaluation(value=0.9)
    answer, before = coach(workspace, message, task="mail"), coach(workspace, task="mail")
    assert (answer.next_step.tool, answer.next_step.arguments) == ("read_resource", {"search": message})
    assert answer.question is not None
    assert before.question is not None
    assert answer.question.field == before.question.field


@pytest.mark.parametrize(
    "message",
    ["what next?", "接下來呢？", "what did it cost?", "is v2 better?", "要花多久？", "怎麼辦？", "what should I do?"],
)
def test_a_question_about_this_work_is_answered_from_the_work(workspace: Workspace, a_task: Make, message: str) -> None:
    a_task().source().data().version().evaluation(value=0.9)
    assert coach(workspace, message, task="mail").next_step.tool == "deploy"


@pytest.mark.parametrize("message", ["Use Qwen3-1.7B", "改用 Qwen3-1.7B"])
def test_who_names_another_base_model_is_led_to_a_plan_with_it(
    workspace: Workspace, a_task: Make, message: str
) -> None:
    a_task().source().data().plan()
    step = coach(workspace, message, task="mail").next_step
    assert (step.tool, step.arguments) == (
        "plan_training",
        {"task": "mail", "settings": {"base_model": "Qwen/Qwen3-1.7B"}},
    )


@pytest.mark.parametrize("message", ["deploy v1", "部署 v1"])
def test_what_is_live_is_not_deployed_again(workspace: Workspace, a_task: Make, message: str) -> None:
    a_task().source().data().version().evaluation(value=0.9).deploy()
    assert coach(workspace, message, task="mail").next_step.tool != "deploy"


@pytest.mark.parametrize(
    ("message", "intent"),
    [
        ("v1 上線後很糟，客戶一直抱怨", "deployed_bad"),
        ("效果很糟", "performance"),
        ("should I even train?", "whether"),
        ("how should I train a model", "train"),
        ("should I train it longer?", ""),
        ("Can I just use regex rules?", "rules"),
        ("用正則就好嗎？", "rules"),
        ("We only use keyword rules today, and they miss a third", ""),
        ("我們只用規則分類，三分之一會錯", ""),
    ],
)
def test_a_complaint_and_a_doubt_are_heard_as_what_they_are(message: str, intent: str) -> None:
    assert understand(message).intent == intent


def test_the_target_a_person_names_is_in_the_call(a_task: Callable[..., TaskOnDisk], workspace: Workspace) -> None:
    a_task().source().data().version().evaluation(value=0.9)
    step = coach(workspace, "deploy v1 to ollama please", "mail").next_step
    assert step.tool == "deploy" and step.arguments == {"task": "mail", "version": "v1", "target": "ollama"}
