"""Jobs: one that runs, and one that failed, was cancelled or interrupted, each with the way on."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...resources.answer import NextStep
from ...resources.foundation.language import Text
from ...resources.job import JobState
from .answer import CoachAnswer, Question, Stage
from .answer_builder import build_answer, with_source
from .questions import LATER, open_topics
from .situation import JobNow, Situation
from .texts.reading import Texts
from .wording import benefit, join_sentences

_text = Texts("waiting")

_POLL_SECONDS = 20
_STAGE_OF: dict[str, Stage] = {
    "preview": "data",
    "regenerate": "data",
    "validate": "data",
    "convert": "plan",
    "train": "training",
    "evaluate": "evaluation",
    "compare": "deciding",
    "reproduce": "deciding",
    "deploy": "deploy",
    "upload": "deploy",
}
_TOOL_OF = {
    "regenerate": "prepare_data",
    "validate": "prepare_data",
    "train": "train",
    "evaluate": "evaluate",
    "deploy": "deploy",
}
Words = tuple[Text, NextStep, Question]


def job_now(situation: Situation) -> CoachAnswer:
    """What to say and do about the job that matters now."""
    job = situation.job
    assert job is not None
    message, step, question = _WORDS[job.state](situation, job)
    opening = "" if job.active else benefit(situation.task)  # who waits hears it at every look
    return build_answer(
        situation, _STAGE_OF.get(job.kind, "training"), join_sentences(opening, message), step, question=question
    )


def _running(situation: Situation, job: JobNow) -> Words:
    message = (
        _text("running.running_at", job=job.name, line=job.line) if job.line else _text("running.running", job=job.name)
    )
    waiting = _while_waiting(situation)
    say = _text("running.goes_itself_also", field=waiting.field)
    return (
        message,
        NextStep(say=str(say), tool="job_status", arguments={"job_id": job.id, "wait_seconds": _POLL_SECONDS}),
        waiting,
    )


def _unreachable(situation: Situation, job: JobNow) -> Words:
    _, step, waiting = _running(situation, job)
    return Text("{job}: {line}.", "{job}：{line}。").format(job=job.name, line=job.line), step, waiting


def _describe_queued(situation: Situation, job: JobNow) -> Words:
    message, step, waiting = _running(situation, job)
    if job.line:
        message = _text("describe_queued.queued_starts_itself", job=job.name, line=job.line)
    return message, step, waiting


def _while_waiting(situation: Situation) -> Question:
    """What can be cleared up while a job runs; the answer is kept with update_task."""
    if missing := open_topics(LATER, situation.task):
        return missing[0].question()
    return _text.question("while_waiting.question", field="notes")


def _describe_interrupted(_situation: Situation, job: JobNow) -> Words:
    message = _text("describe_interrupted.interrupted_process_ended", job=job.name)
    return (
        message,
        NextStep(
            say=str(_text("describe_interrupted.carry")),
            tool="manage_job",
            arguments={"job_id": job.id, "action": "resume"},
        ),
        _carry_on(),
    )


def _describe_cancelled(_situation: Situation, job: JobNow) -> Words:
    message = _text("describe_cancelled.cancelled_asked_nothing", job=job.name)
    say = _text("describe_cancelled.ask_whether_carry")
    return (
        message,
        NextStep(say=str(say), tool="manage_job", arguments={"job_id": job.id, "action": "resume"}),
        _carry_on(),
    )


_OF_THE_SOURCE = re.compile(r"sources\[\d+\]\.(mapping|path|format|encoding|sheet|header|delimiter)\b")


def _describe_failed(situation: Situation, job: JobNow) -> Words:
    page = _text("describe_failed.llm_knowledge", page=job.page) if job.page else ""
    message = _text("describe_failed.did_not_get", job=job.name, problem=job.problem, page=page)
    tool = _TOOL_OF.get(job.kind)
    say = job.fix or str(_text("describe_failed.look_end_log"))
    question = _text.question("describe_failed.question")
    if job.kind == "preview" or _OF_THE_SOURCE.match(job.field):
        return message, with_source(situation, None, Text(say, say)), question
    if tool:
        return message, NextStep(say=say, tool=tool, arguments={"task": situation.name}), question
    return message, NextStep(say=say, tool="job_status", arguments={"job_id": job.id, "log_lines": 40}), question


def _carry_on() -> Question:
    return _text.question("carry_on.question")


_WORDS: dict[JobState, Callable[[Situation, JobNow], Words]] = {
    "queued": _describe_queued,
    "unreachable": _unreachable,
    "running": _running,
    "interrupted": _describe_interrupted,
    "cancelled": _describe_cancelled,
    "failed": _describe_failed,
}
