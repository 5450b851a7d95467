"""The coach: from what the person said, and what stands on disk, to the next question and the exact next call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...resources.answer import NextStep
from ...resources.contents import without_secrets
from ...resources.language import Text, as_language, detect_language, speaking
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from .advice import (
    generation_decision,
    retrieval_decision,
    retrieval_question,
    secret_warning,
    source_advice,
    source_example,
)
from .answer import CoachAnswer, DecisionDue, Question
from .clarify import clarify
from .intents import Said, understand
from .replies import reply
from .situation import look
from .wording import joined, listed, quote

_SHOWN_TASKS = 5
_TITLE_BYTES = 600
_TITLE = re.compile(r"(?m)^title:[ ]*['\"]?(.+?)['\"]?[ ]*$")
# What makes sense only about a task that stands.
_ABOUT_A_TASK = ("compare", "evaluate", "results", "deploy", "undeploy", "progress", "stop", "performance", "reproduce",
                 "lineage",
                 "generate_project")


def coach(
    workspace: Workspace, message: str | None = None, task: str | None = None, language: str | None = None,
    answers: Mapping[str, Any] | None = None,
) -> CoachAnswer:
    """Where we stand, one question, the decision now due, and the exact next call.

    Arguments:
        message: what the person said.
        task: the task it is about; found in the message, or the only one there is, where it is left out.
        language: `en` or `zh-TW`; by default that of the message, else the one being spoken.
        answers: about a goal that has no task yet, everything answered so far.

    Raises:
        TaskError: the task is unknown (the nearest are offered) or unreadable, or an answer does not fit.
    """
    han = detect_language(message) if detect_language(message) == "zh-TW" else None
    with speaking(as_language(language) or han):
        clean = without_secrets(message or "")
        answered = _answered(workspace, understand(clean), task, without_secrets(dict(answers or {})))
        if clean == (message or ""):
            return answered
        return answered.model_copy(update={"message": joined(secret_warning(), answered.message)})


def about(workspace: Workspace, intent: str, task: str | None = None, version: str | None = None) -> CoachAnswer:
    """The answer to one known intent (`evaluate`, `deploy`, …), as the flows of the prompts ask for it.

    Raises:
        TaskError: the task is unknown or unreadable.
    """
    said = Said(intent=intent, versions=[version] if version else [])
    return _answered(workspace, said, task, {})


def _answered(workspace: Workspace, said: Said, task: str | None, answers: Mapping[str, Any]) -> CoachAnswer:
    if said.intent == "list" and not answers:
        return _listing(workspace)
    if task:
        return reply(look(workspace, workspace.task(task)), said)
    names = workspace.task_names()
    if answers or not names:
        return _new_goal(said, answers, names)
    if named := _named(workspace, names, said):
        return reply(look(workspace, named), said)
    if said.intent == "train":
        return _new_goal(said, {}, names)
    if said.name and said.versions:
        return _no_such_task(workspace, names, said)
    if len(names) == 1:
        return reply(look(workspace, TaskFolder(workspace.root / names[0])), said)
    return _which_task(workspace, names, said)


def _listing(workspace: Workspace) -> CoachAnswer:
    count = len(workspace.task_names())
    message = Text(f"{count} task{'' if count == 1 else 's'} in {workspace.root}. Name one and I say where it stands.",
                   f"{workspace.root} 裡有 {count} 個任務。說出其中一個，我就告訴你目前進度。") if count else \
        Text(f"No task in {workspace.root} yet. Tell me what you would like to solve, and we make the first one.",
             f"{workspace.root} 裡還沒有任務。告訴我你想解決什麼，我們就來建立第一個。")
    step = NextStep(say=str(Text("Show them the list.", "把清單給對方看。")), tool="list_tasks")
    return CoachAnswer(stage="no_task", message=str(message), next_step=step, known={"tasks": count})


def _new_goal(said: Said, answers: Mapping[str, Any], names: list[str]) -> CoachAnswer:
    """A wish that has no task yet; advice about a source or about not training is given along the way."""
    opening, decision = _advice(said)
    if said.intent in _ABOUT_A_TASK and not names:
        opening = str(Text("There is no task yet, so let us begin with what you want to solve.",
                           "還沒有任何任務，我們就從你想解決的事開始。"))
    if names and said.intent == "train":
        shown = listed(names[:_SHOWN_TASKS])
        opening = str(Text(f"(Already here: {shown}. Name one to go on with it.)",
                           f"（已經有的任務：{shown}；想繼續哪一個就說名字。）"))
    answered = clarify(said, answers, opening, decision)
    if said.intent in ("database", "file") and answered.next_step.tool == "coach":
        answered.known["source"] = said.path or said.intent
        answered.next_step.arguments["answers"]["source"] = answered.known["source"]
        answered.known["source_example"] = source_example(said, None)
    if said.intent == "retrieval" and not answers:
        say = Text("Ask that one question. If they name a decision, call coach with it as answers.goal; if not, say so "
                   "plainly: retrieval is the way, and there is nothing to train here.",
                   "只問這一題。對方說得出判斷，就放進 answers.goal 呼叫 coach；說不出來就直說：用檢索，"
                   "這裡不需要訓練。")
        step = NextStep(say=str(say), tool="coach", arguments={"answers": {"goal": "<the decision, in their words>"}})
        return answered.model_copy(update={"message": opening, "question": retrieval_question(), "next_step": step})
    return answered


def _advice(said: Said) -> tuple[str, DecisionDue | None]:
    if said.intent == "generate_data":
        return str(Text("Generated rows can help training, never testing; I put the honest version under the decision.",
                        "生成的資料可以幫助訓練，但不能拿來測試；老實的建議放在下面的決定裡。"
                        "")), generation_decision(None)
    if said.intent == "retrieval":
        return str(Text("If the wish is answers from your documents, do not train: look them up.",
                        "如果想要的是從文件找答案，不要訓練，用檢索。")), retrieval_decision()
    if said.intent in ("database", "file", "api", "web", "source_help"):
        return str(source_advice(said)), None
    return "", None


def _named(workspace: Workspace, names: list[str], said: Said) -> TaskFolder | None:
    """The task whose name stands in the message (the longest one), or whose title does."""
    lowered = said.message.lower()
    found = [name for name in names if name in lowered
             and re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9-])", lowered)]
    if found:
        return TaskFolder(workspace.root / max(found, key=len))
    if said.intent in _ABOUT_A_TASK and len(names) > 1:
        for name in names:
            title = _title(workspace.root / name / "task.yaml")
            if len(title) > 1 and title.lower() in lowered:
                return TaskFolder(workspace.root / name)
    return None


def _title(path: Path) -> str:
    """The title in a `task.yaml`, read without parsing it."""
    with path.open("rb") as file:
        found = _TITLE.search(file.read(_TITLE_BYTES).decode("utf-8", errors="ignore"))
    return found[1].strip() if found else ""


def _no_such_task(workspace: Workspace, names: list[str], said: Said) -> CoachAnswer:
    name = quote(said.name or "", 60)
    answered = _which_task(workspace, names, said)
    note = Text(f"There is no task {name} here.", f"這裡沒有{name}這個任務。")
    return answered.model_copy(update={"message": f"{note}{Text(' ', '')}{answered.message}"})


def _which_task(workspace: Workspace, names: list[str], said: Said) -> CoachAnswer:
    recent = _recent(workspace, names)
    message = Text(f"There are {len(names)} tasks here; the ones last worked on: {listed(recent)}.",
                   f"這裡有 {len(names)} 個任務，最近動過的是：{listed(recent)}。")
    question = Question(
        field="task", ask=str(Text("Which one is it about, or is it something new?", "是關於哪一個？還是新的事情？")),
        why=str(Text("Each task is a project of its own, with its own data and goal.",
                     "每個任務都是獨立的專案，有自己的資料和目標。")),
        examples=[*recent[:3], str(Text("Something new", "新的事情"))], default=recent[0],
    )
    say = Text("Ask which one; put its name for <task>. For something new call coach with their problem in "
               "answers.pain_point.",
               "問是哪一個，把名稱填進 <task>；如果是新的事情，就把問題放進 answers.pain_point 呼叫 coach。")
    arguments: dict[str, Any] = {"task": "<task>"}
    if said.message:
        arguments["message"] = said.message[:300]
    return CoachAnswer(stage="no_task", message=str(message), question=question, known={"tasks": recent},
                       next_step=NextStep(say=str(say), tool="coach", arguments=arguments))


def _recent(workspace: Workspace, names: list[str]) -> list[str]:
    def touched(name: str) -> float:
        return (workspace.root / name / "task.yaml").stat().st_mtime

    return sorted(names, key=touched, reverse=True)[:_SHOWN_TASKS]
