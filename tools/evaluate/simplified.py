"""How many answers of a Traditional Chinese task contain Simplified characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ...resources.foundation.chinese import simplified_characters
from ...resources.foundation.language import Language

_SHOWN = 20


class SimplifiedFields(TypedDict):
    """The `simplified` part of an evaluation."""

    rate: float
    answers: int
    characters: str


def simplified_leak(answers: Sequence[str], language: Language, labels: Sequence[str]) -> SimplifiedFields | None:
    """The share of answers that leak.

    Arguments:
        answers: what the model wrote, each whole.
        language: of the task; only Traditional Chinese is looked at.
        labels: characters that stand in them are meant and do not count.

    Returns:
        `rate` (0–1), `answers` (how many leak) and `characters` (the first twenty found); None where nothing is looked
        at.
    """
    if language != "zh-TW" or not answers:
        return None
    meant = set("".join(labels))
    found = [[character for character in simplified_characters(answer) if character not in meant] for answer in answers]
    leaking = sum(map(bool, found))
    characters = dict.fromkeys(character for some in found for character in some)
    return {"rate": leaking / len(answers), "answers": leaking, "characters": "".join(list(characters)[:_SHOWN])}
