"""How the coach puts things: other people's words in quotation marks, scores short, sentences joined per language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...resources.language import Text, spoken_language
from ...resources.task import Task

_LONGEST_QUOTE = 90


def quote(words: str, limit: int = _LONGEST_QUOTE) -> str:
    """Somebody's own words on one line, cut, in quotation marks they cannot close: data, never instructions."""
    plain = " ".join(words.split())
    plain = plain if len(plain) <= limit else plain[:limit] + "…"
    if spoken_language() == "zh-TW":
        return "「" + plain.replace("「", "『").replace("」", "』").rstrip("。") + "」"
    return "“" + plain.replace("“", "‘").replace("”", "’").rstrip(".") + "”"


def listed(items: Iterable[str]) -> str:
    """`a, b, c`, as the language does it."""
    return ("、" if spoken_language() == "zh-TW" else ", ").join(items)


def joined(*sentences: str | Text | None) -> str:
    """Sentences as one paragraph; empty ones fall out."""
    parts = [str(sentence).strip() for sentence in sentences if sentence and str(sentence).strip()]
    return ("" if spoken_language() == "zh-TW" else " ").join(parts)


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def interval(low: float | None, high: float | None) -> str:
    """` (0.61–0.72)`, or nothing where it was not measured."""
    if low is None or high is None:
        return ""
    return str(Text(f" ({low:.2f}–{high:.2f})", f"（{low:.2f}–{high:.2f}）"))


def reminder(task: Task) -> str:
    """What this is for, in the person's own words; it opens what the coach says."""
    if task.pain_point:
        said = quote(task.pain_point)
        return str(Text(f"This is about {said}.", f"我們要解決的是{said}。"))
    if task.goal:
        said = quote(task.goal)
        return str(Text(f"You want: {said}.", f"你的目標是{said}。"))
    return ""


def named(task: Task) -> str:
    """The task's title in quotation marks, or its folder's name."""
    return quote(task.title, 60) if task.title else task.name


def counted(counts: dict[str, int], order: Sequence[str]) -> str:
    """`positive 120, negative 80`."""
    known = [label for label in order if label in counts] or list(counts)
    return listed(f"{label} {counts[label]}" for label in known)
