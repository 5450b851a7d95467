"""What is said beside the way: looking after a task, and questions that the knowledge pages answer."""

from __future__ import annotations

import re

from ...resources.answer import NextStep
from ...resources.catalogue import base_models
from . import states
from .answer import CoachAnswer
from .answer_builder import build_answer, call
from .intent import Said
from .situation import Situation
from .texts.reading import Texts

_text = Texts("side_questions")

_ASKS = re.compile(
    r"[?？]\s*$|[嗎呢]\s*[。！]?\s*$|(?i:^\W*(what|why|how|which|can|should|does|is)\b)|^(什麼|為什麼|怎麼|哪)"
)
_OF_THIS_WORK = re.compile(
    r"\bv\d|(?i:\b(next|now|cost|long|much|it|this|that)\b)|(?i:\b(?:i|we) (?:do|fix)\b)|怎麼辦|怎麼修|接下來|下一步|然後|花|多久|進度|這|你"
)
_LONGEST_SEARCH = 120


def answer_monitoring(situation: Situation, said: Said) -> CoachAnswer:
    """Archive, roll back, export or clone: the exact call, after a yes."""
    if said.intent == "roll_back":
        return _current_version(situation, said)
    more = {
        "archive": {"reason": "<why, in their words>"},
        "clone": {"name": "<short English folder name>"},
        "export": {},
    }[said.intent]
    step = call(
        "manage_task", _text("answer_monitoring.fill_what_stands"), action=said.intent, task=situation.name, **more
    )
    return _answer_side_question(situation, said.intent, step)


def _current_version(situation: Situation, said: Said) -> CoachAnswer:
    trained = [version.name for version in situation.trained]
    wanted = next((name for name in said.versions if name in trained), None)
    action = {"action": "promote", "version": wanted} if wanted else {"action": "roll_back"}
    step = call("manage_task", _text("current_version.agree_call_deploying"), task=situation.name, **action)
    return _answer_side_question(situation, said.intent, step)


def _answer_side_question(situation: Situation, wish: str, step: NextStep) -> CoachAnswer:
    question = _text.question("answer_side_question.question")
    return build_answer(
        situation, states.answer(situation).stage, str(_text(f"wishes.{wish}")), step, question=question
    )


def other_base_model(situation: Situation, said: Said) -> CoachAnswer | None:
    """They name a base model they want: a plan with it; None where no plan can be written yet."""
    if not situation.data or said.intent or situation.job:
        return None
    wanted = next(
        (
            entry.id
            for entry in base_models()
            if re.search(rf"(?i)(?<![\w-]){re.escape(entry.id.rpartition('/')[2])}(?![\w-])", said.message)
        ),
        None,
    )
    if wanted is None:
        return None
    step = call(
        "plan_training",
        _text("other_base_model.write_plan_nothing"),
        task=situation.name,
        settings={"base_model": wanted},
    )
    message = _text("other_base_model.if_fits_plan", wanted=wanted)
    return build_answer(situation, "plan", str(message), step, question=_text.question("other_base_model.question"))


def asks(said: Said) -> bool:
    """Whether they ask something that is not about this work, but that one can read up."""
    return not (said.intent or said.unsure or said.foreign or _OF_THIS_WORK.search(said.message)) and bool(
        _ASKS.search(said.message)
    )


def answer_from_knowledge(situation: Situation, said: Said) -> CoachAnswer:
    """The search that answers their question; what was open before stays open."""
    here = states.answer(situation)
    step = call(
        "read_resource",
        _text("answer_from_knowledge.answer_pages_found"),
        search=" ".join(said.message.split())[:_LONGEST_SEARCH],
    )
    message = _text("answer_from_knowledge.first_then_go")
    return here.model_copy(update={"message": str(message), "next_step": step, "decision": None})
