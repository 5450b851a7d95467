"""Reading the answers that travel with the call: what they say, what they leave open, and what answers nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from ...resources.foundation.errors import TaskError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.wording import suggest
from ...resources.task import Privacy, task_types
from ..data.task_kind import task_kind
from .intent import Said, answers_nothing, mentions
from .questions import CORE, EXAMPLE, FURTHER, LABELS, OPEN, PRIVACY, TOPICS, Answers, Topic, split_labels
from .texts.reading import Texts

_text = Texts("answers")

ASKED = "asked"
_FEWEST_LABELS = 2
_MOST_TIMES = 2  # a question is put at most twice, the second time in other words
LONGEST_ANSWER = 2_000
_DIGITS = "零一二三四五六七八九"
_TENTHS = re.compile(rf"([{_DIGITS}])成([{_DIGITS}])?")


@dataclass
class Heard:
    """What the answers say.

    Arguments:
        known: by name, in the order they were given.
        asked: the questions put so far, as often as they were put.
        defaults: the topics nobody could answer, whose default is due now.
    """

    known: Answers
    asked: list[str] = field(default_factory=list)
    defaults: list[Topic] = field(default_factory=list)

    def times(self, topic: Topic) -> int:
        return self.asked.count(topic.key)


def read_answers(answers: JsonObject, said: Said) -> Heard:
    """The answers that say something, under names that mean something.

    A message beside them is the answer to the question asked last, where that is still open.

    Raises:
        TaskError: an unknown name, or a type or privacy that does not exist.
    """
    given = dict(answers)
    asked = [str(key) for key in given.pop(ASKED, None) or () if str(key) in TOPICS]
    _take_message(given, asked, said)
    told: dict[str, object] = {}
    unsure = []
    for key, value in given.items():
        _check_name(key)
        if _is_blank(value):
            continue
        if key in TOPICS and _says_nothing(value):
            unsure.append(TOPICS[key])
        else:
            told[key] = _tidy(key, value)
    known = cast(Answers, told)  # under the names that were just checked
    if EXAMPLE.key in known and "type" not in known:
        known["type"] = "classification"
    _check_choice(known, "type", task_types())
    _check_choice(known, "privacy", get_args(Privacy))
    heard_so_far = Heard(known, asked)
    _who_cannot_answer(heard_so_far, unsure, said)
    return heard_so_far


def is_answered(topic: Topic, known: Answers) -> bool:
    """Whether one of the core questions has its answer: one label alone is none."""
    if topic is EXAMPLE:
        return "type" in known
    if topic is LABELS:
        kind = task_kind(known.get("type", "classification"))
        fewest = _FEWEST_LABELS if kind.answers == "label" else int(kind.needs_labels)
        return len(known.get("labels") or ()) >= fewest
    return topic.key in known


def number_in(value: Any) -> float | None:
    """The score in an answer (`0.8`, `80%`, `85 percent`, 八成五), between 0 and 1; None where there is none."""
    if spoken := _TENTHS.search(str(value)):
        return (_DIGITS.index(spoken[1]) + (_DIGITS.index(spoken[2]) / 10 if spoken[2] else 0)) / 10
    found = re.search(r"\d+(?:\.\d+)?", str(value)) if value is not None else None
    if not found:
        return None
    number = float(found[0])
    if number > 1:
        number = round(number / 100, 6)
    return number if number <= 1 else None


def _take_message(given: JsonObject, asked: list[str], said: Said) -> None:
    """What they said in reply, where the caller did not file it itself."""
    if not asked or not said.message or said.unsure or said.intent == "stop":
        return
    topic = TOPICS[asked[-1]]
    if topic not in CORE or not _is_blank(given.get(topic.key)):
        return
    if topic is PRIVACY and not (mentions("inside", said.message) or mentions("open", said.message)):
        return
    if topic is LABELS and len(split_labels(said.message)) < 2:
        return
    given[topic.key] = said.message


def _who_cannot_answer(told: Heard, unsure: list[Topic], said: Said) -> None:
    """Count a question as put where it could not be answered, and find those whose default is due.

    Who has let one question pass twice is not asked any other one twice.
    """
    waiting = [topic for topic in CORE if not is_answered(topic, told.known)]
    if said.unsure and waiting and waiting[0] not in unsure:
        unsure.append(waiting[0])
    patient = not any(told.times(topic) >= _MOST_TIMES and topic not in waiting for topic in CORE)
    for topic in unsure:
        if not told.times(topic):
            told.asked.append(topic.key)
        if topic.easy or not patient or told.times(topic) >= _MOST_TIMES:
            told.defaults.append(topic)
    told.defaults += [topic for topic in waiting if topic not in unsure and told.times(topic) >= _MOST_TIMES]


def _check_name(key: str) -> None:
    allowed = [*TOPICS, *FURTHER]
    if key not in allowed:
        raise TaskError(
            _text("check_name.no_answer_named", key=str(key)[:40]),
            suggest(str(key), allowed, most=3),
            field=f"answers.{str(key)[:40]}",
        )


def _tidy(key: str, value: Any) -> Any:
    if key == LABELS.key:
        return split_labels(value)
    if key == PRIVACY.key and value not in get_args(Privacy):
        return "on-premise" if mentions("inside", value) else "open" if mentions("open", value) else value
    if key == "type" and value not in task_types() and "entity" in str(value).lower():
        return "entity-classification"
    return value.strip()[:LONGEST_ANSWER] if isinstance(value, str) else value


def _says_nothing(value: Any) -> bool:
    """Whether it is no answer, or a question back; a list of one label as well."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    return isinstance(only, str) and (answers_nothing(only) or mentions("puzzled", only))


def _is_blank(value: Any) -> bool:
    if isinstance(value, list):
        return not [item for item in value if not _is_blank(item)] or any(OPEN.fullmatch(str(item)) for item in value)
    return value is None or not str(value).strip() or bool(OPEN.fullmatch(str(value)))


def _check_choice(known: Mapping[str, Any], key: str, allowed: Sequence[str]) -> None:
    if key in known and known[key] not in allowed:
        raise TaskError(
            _text("check_choice.cannot", key=key, known=str(known[key])[:40]),
            suggest(str(known[key]), allowed),
            field=f"answers.{key}",
        )
