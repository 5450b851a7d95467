"""How an answer about a task is put together: its facts, its open questions, the exact next call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ...resources.answer import NextStep
from ...resources.foundation.external import quote
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import COMMAS, Text
from ...resources.paths import files_in_inbox
from ...resources.version import VersionFolder
from ..data.adding import arguments_with
from .advice import source_example, source_question
from .analysis import best_result
from .answer import CoachAnswer, DecisionDue, Question, Stage
from .intent import Said
from .questions import CORE, HARDWARE, LATER, SUCCESS, TODAY, Topic, changes_for, default_for, open_topics
from .situation import Situation
from .texts.reading import Texts
from .wording import join_sentences, short

_text = Texts("answer_builder")


def build_answer(situation: Situation, stage: Stage, message: str, step: NextStep, **more: Any) -> CoachAnswer:
    """An answer about this task, its known facts and open questions filled in."""
    return CoachAnswer(
        stage=stage, message=message, next_step=step, known=known_facts(situation), missing=_missing(situation), **more
    )


def known_facts(situation: Situation) -> JsonObject:
    """The facts behind the answer, small: the person's words cut, figures as they are on disk."""
    task, counts = situation.task, situation.counts
    said = {
        "pain_point": task.pain_point,
        "current_method": task.current_method,
        "impact": task.impact,
        "affected": task.affected,
        "goal": task.goal,
        "example": task.example,
    }
    best = best_result(situation)
    facts: JsonObject = {
        "task": situation.name,
        "path": str(situation.folder.root),
        "title": task.title[:80],
        "type": task.type,
        "labels": [short(label) for label in situation.labels[:30]],
        **{key: words[:160] for key, words in said.items() if words},
        "constraints": task.constraints.model_dump(exclude_none=True),
        "resources": task.resources.model_dump(exclude_none=True),
        "versioning": task.versioning.model_dump(exclude_none=True),
        "success_criteria": {"metric": task.metric, **task.success_criteria.model_dump(exclude_none=True)},
        "sources": [source.type for source in situation.sources.sources],
        "rows": counts,
        "versions": [f"{version.name}: {version.status()}" for version in situation.versions[-6:]],
        "plan": situation.plan,
        "best": {"version": best.version.name, best.metric: best.value} if best else None,
        "deployed": situation.deployed_version,
    }
    return {key: _cut_words(value) for key, value in facts.items() if value not in (None, "", [], {})}


def ask(
    situation: Situation, topic: Topic, message: str, stage: Stage = "clarifying", again: bool = False, **more: Any
) -> CoachAnswer:
    """Ask about `topic` and keep the answer in the task."""
    beside = _text("ask.what_say_beyond", join=COMMAS.join(topic.beside)) if topic.beside else ""
    say = _text("ask.ask_one_question", beside=beside)
    step = NextStep(say=str(say), tool="update_task", arguments={"task": situation.name, "changes": changes_for(topic)})
    return build_answer(situation, stage, message, step, question=topic.question(again), **more)


def assume(situation: Situation, topic: Topic, message: str, stage: Stage) -> CoachAnswer:
    """They could not answer: put the default down, as the exact next call, and go on."""
    default = str(topic.default)
    said = _text("assume.fine_put_down", default=default)
    say = _text("assume.call_then_coach")
    step = NextStep(say=str(say), tool="update_task", arguments={"task": situation.name, "changes": default_for(topic)})
    return build_answer(
        situation,
        stage,
        join_sentences(said, message),
        step,
        question=consent(
            _text("assume.do_know_after"),
            _text("assume.real_answer_worth"),
            [topic.examples[0], _text("assume.no_go")],
            _text("assume.go"),
        ),
    )


def consent(ask: Text, why: Text, examples: list[Text], default: Text) -> Question:
    """A question that needs no field to be kept in: may the next call be made?"""
    return Question(
        field="confirmation",
        ask=str(ask),
        why=str(why),
        examples=[str(example) for example in examples],
        default=str(default),
    )


def call(tool: str, say: Text, **arguments: Any) -> NextStep:
    """The exact next call."""
    return NextStep(say=str(say), tool=tool, arguments=arguments)


def chosen_version(said: Said, offered: list[VersionFolder]) -> VersionFolder | None:
    """The version named first where it is offered, else the newest offered one."""
    named = [version for name in said.versions for version in offered if version.name == name]
    if named or said.versions:
        return named[0] if named else None
    return offered[-1] if offered else None


def source_answer(situation: Situation, said: Said, message: str, decision: DecisionDue | None = None) -> CoachAnswer:
    """Ask where the rows stand; the next call carries a filled example, and what the person dragged into the inbox."""
    if (path := _from_inbox(situation, said)) is not None:
        said = replace(said, path=str(path))
        found = _text("source_answer.found_inbox", path=quote(path.name, 80))
        message = join_sentences(found, message)
    added = (
        _text("source_answer.keeps_sources_stand")
        if situation.sources.sources and not _preview_failed(situation)
        else ""
    )
    say = _text("source_answer.fill_answer_then", added=added)
    step = with_source(situation, said, say)
    return build_answer(
        situation, "data", message, step, question=source_question(said, situation.task), decision=decision
    )


def _from_inbox(situation: Situation, said: Said) -> Path | None:
    """The file of that name in the inbox, else the newest there, where it is no source yet and the person speaks of none."""
    waiting = (
        []
        if said.intent not in ("", "file") or situation.sources.sources
        else files_in_inbox(situation.folder.root.parent)
    )
    if said.path is None:
        return waiting[0] if waiting else None
    return next((path for path in waiting if path.name == Path(said.path).name), None)


def with_source(situation: Situation, said: Said | None, say: Text) -> NextStep:
    """The call that adds a source to those that stand; where one of them shows a secret, the call that hides it.

    Arguments:
        said: what is known about the new source; None adds none, so that those that stand can be corrected.
    """
    added, standing = [source_example(said, situation.task)] if said else [], situation.sources
    files = [source.model_dump().get("path") for source in standing.sources]
    if said and said.path in files:
        added = []
    elif said and _preview_failed(situation):
        standing = standing.model_copy(update={"sources": standing.sources[:-1]})  # the new one takes its place
    arguments = arguments_with(situation.name, standing, *added)
    if arguments is None:
        moved = _text("with_source.password_stands_data")
        return NextStep(say=str(moved), tool="set_data_source", arguments={"task": situation.name})
    return NextStep(say=str(say), tool="set_data_source", arguments=arguments)


def _preview_failed(situation: Situation) -> bool:
    return situation.job is not None and (situation.job.kind, situation.job.state) == ("preview", "failed")


def _missing(situation: Situation) -> list[str]:
    """What is not known or not done yet, in the order it will matter."""
    stages = [
        (not situation.sources.sources and not situation.data, _text("missing.where_rows_come")),
        (not situation.data, _text("missing.prepared_data")),
        (not situation.trained, _text("missing.trained_version")),
        (not situation.evaluated, _text("missing.evaluation")),
        (situation.deployment is None, _text("missing.deployment")),
    ]
    asked = (TODAY, SUCCESS, HARDWARE) if not situation.trained else LATER
    return [
        *(topic.path for topic in open_topics((*CORE, *asked), situation.task)),
        *(str(what) for open_, what in stages if open_),
    ]


def _cut_words(value: Any) -> Any:
    """Mappings of the person's words, each word cut."""
    if isinstance(value, dict):
        return {key: inner[:120] if isinstance(inner, str) else inner for key, inner in value.items()}
    return value
