"""What cannot be true, or cannot work, at once; said kindly, with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...resources.figures import figure
from ...resources.foundation.external import quote
from ...resources.foundation.language import Text
from ...resources.task import Task, TaskType
from ..data.task_kind import task_kind
from .intent import count_in, mentions
from .texts.reading import Texts
from .wording import short

_text = Texts("contradictions")

_TRAIN_SHARE = 0.7
_ARROWS = re.compile(r"→|⇒|->|=>|➜")
_REMARK = re.compile(r"[(（][^()（）]*[)）]\s*$")
_MOST_SAID = 3


@dataclass(frozen=True)
class Facts:
    """What is known of a task, from answers or from its files; None and "" are unknown.

    Arguments:
        rows: how many they say there are, or the prepared training rows divided by their share.
        labels: the names; `label_count` is how many they spoke of where they named none.
        has_data: whether data is prepared already.
    """

    rows: int | None = None
    labels: Sequence[str] = ()
    label_count: int | None = None
    threshold: float | None = None
    baseline: float | None = None
    deadline: str = ""
    privacy: str = ""
    hardware: str = ""
    budget: str = ""
    deployment: str = ""
    source: str = ""
    example: str = ""
    has_data: bool = False
    type: TaskType = "classification"


def facts_of(task: Task, rows: int | None, has_data: bool) -> Facts:
    """What `task.yaml` says; `rows` counted where the data is prepared, else as they said it."""
    bounds, said = task.constraints, task.resources
    return Facts(
        rows=rows if rows is not None else count_in(said.rows or ""),
        labels=tuple(task.labels),
        threshold=task.success_criteria.threshold,
        baseline=task.success_criteria.baseline,
        deadline=bounds.deadline or "",
        privacy=bounds.privacy,
        hardware=bounds.hardware or "",
        budget=bounds.budget or "",
        deployment=bounds.deployment or "",
        source=said.source or "",
        example=task.example or "",
        has_data=has_data,
        type=task.type,
    )


def contradictions(facts: Facts) -> list[Text]:
    """What does not fit together, the weightiest first, at most three at a time."""
    checks = (*(_LABEL_CHECKS if task_kind(facts.type).answers == "label" else ()), *_CHECKS)
    found = [said for check in checks if (said := check(facts))]
    return found[:_MOST_SAID]


def _one_label(facts: Facts) -> Text | None:
    if (len(facts.labels) or facts.label_count) != 1:
        return None
    return _text("one_label.one_label_leaves")


def _rows_for_labels(facts: Facts) -> Text | None:
    labels = len(facts.labels) or facts.label_count or 0
    least = figure("rows_per_label")
    if not facts.rows or labels < 2 or facts.rows * _TRAIN_SHARE / labels >= least:
        return None
    each = facts.rows * _TRAIN_SHARE / labels
    return _text("rows_for_labels.rows_over_labels", rows=facts.rows, labels=labels, each=each, least=least)


def _same_label_twice(facts: Facts) -> Text | None:
    seen: dict[str, str] = {}
    for label in facts.labels:
        plain = " ".join(label.casefold().split())
        if plain in seen:
            one, two = short(seen[plain]), short(label)
            return _text("same_label_twice.look_like_same", one=one, two=two)
        seen[plain] = label
    return None


def _free_text(facts: Facts) -> Text | None:
    longest = figure("longest_label")
    answer = wanted_answer(facts.example)
    written = [label for label in facts.labels if len(label) > longest]
    if not written and len(answer) <= longest:
        return None
    shown = quote(written[0] if written else answer, 50)
    return _text("free_text.written_text_not", shown=shown)


def _answer_is_no_label(facts: Facts) -> Text | None:
    answer = wanted_answer(facts.example)
    known = {" ".join(label.casefold().split()) for label in facts.labels}
    if not answer or len(known) < 2 or len(answer) > figure("longest_label") or _plain(answer) in known:
        return None
    return _text("answer_is_no_label.examples_answer_not", answer=quote(answer, 40))


def _threshold_is_no_gain(facts: Facts) -> Text | None:
    if facts.threshold is None or facts.baseline is None or facts.threshold > facts.baseline:
        return None
    return _text("threshold_is_no_gain.threshold_not_above", threshold=facts.threshold, baseline=facts.baseline)


def _perfection(facts: Facts) -> Text | None:
    if facts.threshold is None or facts.threshold < figure("highest_threshold"):
        return None
    return _text("perfection.threshold_cannot_shown", threshold=facts.threshold * 100)


def _no_time_and_no_rows(facts: Facts) -> Text | None:
    if facts.has_data or not mentions("soon", facts.deadline) or (facts.rows or 0) >= figure("rows_to_start"):
        return None
    return _text("no_time_and_no_rows.deadline_no_labelled")


def _outside(facts: Facts) -> Text | None:
    if facts.privacy != "on-premise":
        return None
    if mentions("cloud", facts.hardware, facts.deployment):
        return _text("outside.data_must_stay")
    if mentions("generated", facts.source):
        return _text("outside.data_must_stay_inside")
    return None


def _no_money(facts: Facts) -> Text | None:
    if not mentions("no_money", facts.budget) or not mentions("cloud", facts.hardware, facts.deployment):
        return None
    return _text("no_money.budget_nothing_does")


def _too_large(facts: Facts) -> Text | None:
    if not (mentions("large_model", facts.hardware) and mentions("no_gpu", facts.hardware)):
        return None
    return _text("too_large.model_size_does")


def wanted_answer(example: str) -> str:
    """What stands behind the arrow of `input → answer`, without quotation marks and remarks; "" without an arrow."""
    parts = _ARROWS.split(example)
    if len(parts) < 2:
        return ""
    return _REMARK.sub("", parts[-1]).strip().strip("“”\"'「」『』。. ").strip()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


_LABEL_CHECKS: tuple[Callable[[Facts], Text | None], ...] = (
    _one_label,
    _free_text,
    _rows_for_labels,
    _same_label_twice,
    _answer_is_no_label,
)
_CHECKS: tuple[Callable[[Facts], Text | None], ...] = (
    _threshold_is_no_gain,
    _perfection,
    _no_time_and_no_rows,
    _outside,
    _no_money,
    _too_large,
)
