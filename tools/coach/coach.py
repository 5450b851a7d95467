"""The coach: from what the person said, and what stands on disk, to the next question and the exact next call."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ...resources.answer import NextStep
from ...resources.browsing.contents import without_secrets
from ...resources.foundation.external import quote
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text, as_language, number_of, speaking
from ...resources.foundation.masking import mask_secrets, throughout
from ...resources.foundation.wording import nearest
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.jobs.rented import left_rented
from .advice import generation_decision, secret_warning, source_advice, source_example
from .answer import CoachAnswer, DecisionDue, Question
from .answers import ASKED
from .choosing import retrieval_decision, retrieval_question, rules_decision, whether_to_train
from .clarify import clarify
from .intent import LONGEST_READ, Said, mentions, understand
from .intents.foreign import language_of, polite_line
from .leaving import stop_before_a_task, stop_everything
from .replies import reply
from .situation import load_situation
from .texts.reading import Texts
from .wording import join_list, join_sentences

_text = Texts("coach")

_SHOWN_TASKS = 5
_TITLE_BYTES = 600
_TITLE = re.compile(r"(?m)^title:[ ]*['\"]?(.+?)['\"]?[ ]*$")
# What makes sense only about a task that stands.
_ABOUT_A_TASK = (
    "compare",
    "evaluate",
    "results",
    "deploy",
    "undeploy",
    "progress",
    "stop",
    "performance",
    "reproduce",
    "lineage",
    "generate_project",
    "deployed_bad",
    "accept",
    "errors",
)


def coach(
    workspace: Workspace,
    message: str | None = None,
    task: str | None = None,
    language: str | None = None,
    answers: JsonObject | None = None,
) -> CoachAnswer:
    """Where we stand, one question, the decision now due, and the exact next call.

    Arguments:
        message: what the person said; what stands beyond the first 4,000 characters is not read.
        task: the task it is about; found in the message, or the only one there is, if left out. One that does
            not exist is no error: the nearest are offered.
        language: `en` or `zh-TW`; by default that of the message, else the one being spoken.
        answers: about a goal that has no task yet, everything answered so far.

    Raises:
        TaskError: the task's file is unreadable, or an answer does not fit.
    """
    known = throughout(without_secrets(dict(answers or {})), mask_secrets)
    return _answer_message(workspace, message, language, lambda said: _route_message(workspace, said, task, known))


def new_goal(workspace: Workspace, wish: str = "") -> CoachAnswer:
    """The first question about a goal that has no task yet, whatever tasks stand here; as the flows of the prompts ask.

    Arguments:
        wish: what the person said, read as what it is: a problem, a bot, a source, or just a wish.
    """
    names = workspace.task_names()
    return _answer_message(
        workspace, wish, None, lambda said: _new_goal(said if said.message else Said(intent="train"), {}, names)
    )


def _answer_message(
    workspace: Workspace, message: str | None, language: str | None, answer: Callable[[Said], CoachAnswer]
) -> CoachAnswer:
    """Read a message in its language and without its secrets, answer it, and say what was not read or kept, and what is
    paid for without need."""
    said = (message or "").strip()
    read = said[:LONGEST_READ]
    with speaking(as_language(language) or language_of(read)):
        clean = mask_secrets(read)
        answered = answer(understand(clean))
        notes = [
            _text("answer_message.message_long_read", longest_read=LONGEST_READ) if len(said) > LONGEST_READ else None,
            polite_line(read),
            secret_warning() if clean != read else None,
            left_rented(workspace),
        ]
        return _prepend_notes(answered, *notes)


def _prepend_notes(answered: CoachAnswer, *notes: Text | str | None) -> CoachAnswer:
    """The answer with what has to be said before it."""
    return answered.model_copy(update={"message": join_sentences(*notes, answered.message)}) if any(notes) else answered


def about(workspace: Workspace, intent: str, task: str | None = None, version: str | None = None) -> CoachAnswer:
    """The answer to one known intent (`evaluate`, `deploy`, …), as the flows of the prompts ask for it.

    Raises:
        TaskError: the task is unknown (the nearest are offered) or unreadable.
    """
    said = Said(intent=intent, versions=[version] if version else [])
    return _prepend_notes(
        _route_message(workspace, said, workspace.task(task).name if task else None, {}), left_rented(workspace)
    )


def _route_message(workspace: Workspace, said: Said, task: str | None, answers: JsonObject) -> CoachAnswer:
    if said.intent == "list" and not answers:
        return _listing(workspace)
    if task and (folder := _folder(workspace, task)):
        return reply(load_situation(workspace, folder), said)
    names = workspace.task_names()
    if answers or not names:
        if said.intent == "stop":
            return stop_before_a_task(answers)
        return _new_goal(said, {**({"name": task} if task and answers else {}), **answers}, names)
    if task:
        return _no_such_task(workspace, names, said, task)
    named = _find_named_tasks(workspace, names, said)
    if len(named) > 1:
        return _two_tasks(named, said)
    if named:
        return reply(load_situation(workspace, TaskFolder(workspace.root / named[0])), said)
    if said.intent == "train":
        return _new_goal(said, {}, names)
    if said.name and said.versions:
        return _no_such_task(workspace, names, said, said.name)
    if len(names) == 1:
        return reply(load_situation(workspace, TaskFolder(workspace.root / names[0])), said)
    if said.intent == "stop":
        return stop_everything(workspace, _recent(workspace, names))
    return _which_task(workspace, names, said)


def _folder(workspace: Workspace, task: str) -> TaskFolder | None:
    """The task of that name or title; None where there is none."""
    folder = TaskFolder(workspace.root / task) if re.fullmatch(r"[^/\\:\0]{1,200}", task) and ".." not in task else None
    if folder and folder.file.is_file() and not task.startswith(".") and workspace.holds(workspace.root / task):
        return folder
    titled = [name for name in workspace.task_names() if _title(workspace.root / name / "task.yaml") == task]
    return TaskFolder(workspace.root / titled[0]) if titled else None


def _listing(workspace: Workspace) -> CoachAnswer:
    count = len(workspace.task_names())
    message = (
        _text("listing.name_one_say", tasks=number_of(count, "task"), root=workspace.root)
        if count
        else _text("listing.no_task_yet", root=workspace.root)
    )
    step = NextStep(say=str(_text("listing.show_list")), tool="list_tasks")
    return CoachAnswer(stage="no_task", message=str(message), next_step=step, known={"tasks": count})


def _new_goal(said: Said, answers: JsonObject, names: list[str]) -> CoachAnswer:
    """A wish that has no task yet; advice about a source or about not training is given along the way."""
    opening, decision = _advice(said)
    if said.intent in _ABOUT_A_TASK and not names:
        opening = str(_text("new_goal.no_task_yet"))
    if names and said.intent == "train":
        shown = join_list(names[:_SHOWN_TASKS])
        opening = str(_text("new_goal.already_name_one", shown=shown))
    if mentions("only_documents", answers.get("goal")) and set(answers) - {ASKED} == {"goal"}:
        return _only_documents()
    answered = clarify(said, answers, opening, decision)
    if said.intent in ("database", "file") and answered.next_step.tool == "coach":
        answered.known["source"] = said.path or said.intent
        answered.next_step.arguments["answers"]["source"] = answered.known["source"]
        answered.known["source_example"] = source_example(said, None)
    if said.intent == "retrieval" and not answers:
        say = _text("new_goal.ask_one_question")
        step = NextStep(say=str(say), tool="coach", arguments={"answers": {"goal": "<the decision, in their words>"}})
        return answered.model_copy(update={"message": opening, "question": retrieval_question(), "next_step": step})
    return answered


def _advice(said: Said) -> tuple[str, DecisionDue | None]:
    if said.intent == "generate_data":
        return str(_text("advice.generated_rows_can")), generation_decision(None)
    if said.intent == "whether":
        return str(_text("advice.perhaps_not_depends")), whether_to_train(said.rows)
    if said.intent == "rules":
        return str(_text("advice.if_few_words")), rules_decision()
    if said.intent == "retrieval":
        return str(_text("advice.if_wish_answers")), retrieval_decision()
    if said.intent in ("database", "file", "api", "web", "source_help"):
        return str(source_advice(said)), None
    return "", None


def _only_documents() -> CoachAnswer:
    """Nothing to decide, only to look up: how to go about that, and an end without a task."""
    message = _text("only_documents.then_nothing_train")
    question = _text.question("only_documents.question", field="pain_point")
    step = NextStep(
        say=str(_text("only_documents.read_page_tell")),
        tool="read_resource",
        arguments={"uri": "nlp-skills://skills/llm-knowledge/retrieval-or-training"},
    )
    return CoachAnswer(
        stage="no_task", message=str(message), question=question, decision=retrieval_decision(), next_step=step
    )


def _find_named_tasks(workspace: Workspace, names: list[str], said: Said) -> list[str]:
    """The tasks whose names stand in the message, in its order (of overlapping ones the longest), else by title."""
    lowered = said.message.lower()
    places = {
        name: place.start()
        for name in names
        if name in lowered and (place := re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9-])", lowered))
    }
    if places:
        return sorted(places, key=lambda name: places[name])
    if said.intent in _ABOUT_A_TASK and len(names) > 1:
        titles = {name: _title(workspace.root / name / "task.yaml").lower() for name in names}
        found = [name for name, title in titles.items() if len(title) > 1 and title in lowered]
        return sorted(found, key=lambda name: -len(titles[name]))[:1]
    return []


def _title(path: Path) -> str:
    """The title in a `task.yaml`, read without parsing it."""
    with path.open("rb") as file:
        found = _TITLE.search(file.read(_TITLE_BYTES).decode("utf-8", errors="ignore"))
    return found[1].strip() if found else ""


def _no_such_task(workspace: Workspace, names: list[str], said: Said, wanted: str) -> CoachAnswer:
    """A name that no task has: the nearest are offered."""
    near = nearest(wanted, names, 3, cutoff=0.5)
    answered = _which_task(workspace, names, said, near)
    note = _text("no_such_task.no_task", wanted=quote(wanted, 60))
    return answered.model_copy(update={"message": join_sentences(note, answered.message)})


def _two_tasks(named: list[str], said: Said) -> CoachAnswer:
    """Two tasks in one sentence: one at a time, and scores of different tests are not ranked."""
    first, *others = named
    message = _text("two_tasks.named_each_own", named=join_list(named[:_SHOWN_TASKS]))
    question = Question(
        field="task",
        ask=str(_text("two_tasks.which_one_shall")),
        why=str(_text("two_tasks.one_thing_time")),
        examples=named[:3],
        default=first,
    )
    if said.intent == "compare":
        say = _text("two_tasks.show_both_rows")
        return CoachAnswer(
            stage="no_task",
            message=str(message),
            question=question,
            known={"tasks": named},
            next_step=NextStep(say=str(say), tool="list_tasks", arguments={}),
        )
    say = _text("two_tasks.ask_put_name", others=join_list(others[:2]))
    return CoachAnswer(
        stage="no_task",
        message=str(message),
        question=question,
        known={"tasks": named},
        next_step=NextStep(say=str(say), tool="coach", arguments=_asking_again(said)),
    )


def _which_task(workspace: Workspace, names: list[str], said: Said, near: list[str] | None = None) -> CoachAnswer:
    recent = near or _recent(workspace, names)
    message = (
        _text("which_task.did_mean", recent=join_list(recent))
        if near
        else _text("which_task.tasks_ones_last", count=len(names), recent=join_list(recent))
    )
    question = Question(
        field="task",
        ask=str(_text("which_task.which_one_about")),
        why=str(_text("which_task.each_task_project")),
        examples=[*recent[:3], str(_text("which_task.something_new"))],
        default=recent[0],
    )
    say = _text("which_task.ask_which_one")
    return CoachAnswer(
        stage="no_task",
        message=str(message),
        question=question,
        known={"tasks": recent},
        next_step=NextStep(say=str(say), tool="coach", arguments=_asking_again(said)),
    )


def _asking_again(said: Said) -> JsonObject:
    """The same message about a task that is still to be named."""
    return {"task": "<task>", **({"message": said.message[:300]} if said.message and not said.unsure else {})}


def _recent(workspace: Workspace, names: list[str]) -> list[str]:
    def last_touched(name: str) -> float:
        return (workspace.root / name / "task.yaml").stat().st_mtime

    return sorted(names, key=last_touched, reverse=True)[:_SHOWN_TASKS]
