"""Rows without a label: how they get one, and the exact next call."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.foundation.errors import DataError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ..data.labelling.standing import concerns, load_labelling, next_call
from ..data.task_kind import role_title
from .answer import CoachAnswer
from .answer_builder import build_answer
from .intent import Said
from .situation import Situation
from .texts.reading import Texts
from .wording import benefit, join_sentences

_text = Texts("labelling")


def waiting(situation: Situation, _said: Said) -> CoachAnswer | None:
    """Before there is data to train on: rows that were fetched without a label lead to labelling."""
    kept_apart = any(
        source.type == "web_scrape" or source.model_dump().get("unlabelled") for source in situation.sources.sources
    )
    if situation.data or not kept_apart or not concerns(situation.folder):
        return None
    return label_rows(situation, _said)


def label_rows(situation: Situation, _said: Said) -> CoachAnswer | None:
    """Where the labelling stands and what comes next; None where there is nothing to label."""
    try:
        here = load_labelling(situation.folder)
    except DataError as error:
        arguments: JsonObject = {"task": situation.name}
        step = (
            NextStep(say=str(error.fix), tool="update_task", arguments=arguments)
            if error.field == "labels"
            else NextStep(say=str(error.fix), tool="add_examples", arguments={**arguments, "examples": []})
        )
        return build_answer(situation, "data", join_sentences(benefit(situation.task), error.problem), step)
    figures = here.figures()
    if not here.open and not here.decided:
        return None
    say, tool, arguments = next_call(here)
    kind = here.pool.kind
    what = role_title(kind.key)
    todo = Text(what.en, what.zh if what.zh.endswith("標註") else f"標註{what.zh}")
    by = _text("label_rows.model_version") if kind.answers == "text" else _text("label_rows.rules_model_version")
    waiting = (
        _text("label_rows.1_row_waits", todo=todo)
        if figures["open"] == 1
        else _text("label_rows.rows_wait", open=figures["open"], todo=todo)
    )
    message = join_sentences(
        benefit(situation.task),
        _text(
            "label_rows.proposal_accepted_far",
            waiting=waiting,
            proposed=figures["proposed"],
            accepted=figures["accepted"],
            by=by,
        ),
    )
    question = _text.question("label_rows.question", what=what)
    return build_answer(
        situation, "data", message, NextStep(say=str(say), tool=tool, arguments=arguments), question=question
    )
