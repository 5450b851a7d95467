"""What a model's answer says: the label it is, the JSON in it, the text after its thoughts."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

_REASONING = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A```[A-Za-z]*\s*\n(?P<inside>.*?)\n?```\Z", re.DOTALL)
_QUOTES = "\"'`*“”‘’「」『』《》〈〉"
_FINAL_PUNCTUATION = ".。．!！,，、;；:："


def without_reasoning(answer: str) -> str:
    """The answer after a closed reasoning block, trimmed."""
    reasoning = _REASONING.match(answer)
    return answer[reasoning.end() if reasoning else 0 :].strip()


def parse_label(answer: str, labels: Sequence[str]) -> str | None:
    """The label `answer` is, or None.

    The whole answer must be the label, apart from white space, quotes, final punctuation, upper or lower case and
    a closed reasoning block before it: 不是正面 is not 正面.
    """
    exact, folded = set(labels), _fold_labels(labels)
    trimmed = without_reasoning(answer)
    while True:
        if trimmed in exact:
            return trimmed
        if (label := folded.get(_fold(trimmed))) is not None:
            return label
        shorter = trimmed.rstrip(_FINAL_PUNCTUATION).strip().strip(_QUOTES).strip()
        if shorter == trimmed:
            return None
        trimmed = shorter


def parse_json(answer: str) -> Any:
    """The list or object the whole answer is, alone or in one fenced block; None where it is neither."""
    trimmed = without_reasoning(answer)
    if fenced := _FENCE.match(trimmed):
        trimmed = fenced["inside"].strip()
    try:
        found = json.loads(trimmed)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list | dict) else None


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _fold_labels(labels: Sequence[str]) -> dict[str, str]:
    """Labels by their case-folded form, without those that only case tells apart."""
    forms: dict[str, list[str]] = {}
    for label in labels:
        forms.setdefault(_fold(label), []).append(label)
    return {form: spelled[0] for form, spelled in forms.items() if len(set(spelled)) == 1}
