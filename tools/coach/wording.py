"""How the coach puts things: other people's words in quotation marks, scores short, sentences joined per language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...resources.foundation.external import quote
from ...resources.foundation.language import COMMAS, SENTENCES, Text
from ...resources.task import Task

_SHORT_QUOTE = 60
_LONGEST_LABEL = 40
_MOST_COUNTED = 12
_NO_QUOTES = {ord(mark): None for mark in "“”「」"}


def join_list(items: Iterable[str]) -> str:
    """`a, b, c`, as the language does it."""
    return str(COMMAS.join(items))


def join_sentences(*sentences: str | Text | None) -> str:
    """Sentences as one paragraph; empty ones fall out."""
    return str(SENTENCES.join(str(sentence or "").strip() for sentence in sentences))


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def interval(low: float | None, high: float | None) -> str:
    """` (0.61–0.72)`, or nothing where it was not measured."""
    if low is None or high is None:
        return ""
    return str(Text(f" ({low:.2f}–{high:.2f})", f"（{low:.2f}–{high:.2f}）"))


def benefit(task: Task) -> str:
    """What this is for, in the person's own words; it opens what the coach says."""
    if task.goal:
        said = quote(task.goal.split("\n")[0], _SHORT_QUOTE)
        return str(Text(f"Your goal: {said}.", f"目標：{said}。"))
    if task.pain_point:
        said = quote(task.pain_point, _SHORT_QUOTE)
        return str(Text(f"The problem: {said}.", f"要解決的是{said}。"))
    return ""


def short(label: str) -> str:
    """A label, or another word of somebody else's, fit for a sentence: on one line, cut, no quotation marks."""
    plain = " ".join(label.split()).translate(_NO_QUOTES)
    return plain if len(plain) <= _LONGEST_LABEL else plain[:_LONGEST_LABEL] + "…"


def list_counts(counts: dict[str, int], order: Sequence[str]) -> str:
    """`positive 120, negative 80`."""
    known = [label for label in order if label in counts] or list(counts)
    more = len(known) - _MOST_COUNTED
    shown = [f"{short(label)} {counts[label]}" for label in known[:_MOST_COUNTED]]
    return join_list([*shown, str(Text(f"{more} more", f"其餘 {more} 個"))] if more > 0 else shown)
