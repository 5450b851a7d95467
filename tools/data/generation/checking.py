"""Whether a row that a model wrote may be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ....resources.data_source import Quality
from ....resources.foundation.language import Text
from ....resources.task import Task
from ..near_copies import NearCopies
from ..rows import Row
from ..task_kind import Spelling, Unfit, task_kind

_REASONS = {
    "too_short": Text("it is shorter than data_source.yaml's quality.min_characters", "比 quality.min_characters 短"),
    "too_long": Text("it is longer than data_source.yaml's quality.max_characters", "比 quality.max_characters 長"),
    "near_copy": Text("it nearly repeats another row", "和另一列幾乎相同"),
}


class Refused(NamedTuple):
    """Why a row is not kept."""

    code: str
    why: Text


class RowChecks:
    """Checks rows one by one, and knows each row it let through.

    Arguments:
        known: the texts that must not be repeated (the benchmark's, …); rows let through are added.
    """

    def __init__(self, task: Task, quality: Quality, known: NearCopies) -> None:
        self._labels, self._quality, self._known = task.labels, quality, known
        self._kind, self._spelling = task_kind(task.type), Spelling(task.labels, {})

    def check_row(self, given: Mapping[str, Any], label: str = "") -> Row | Refused:
        """The canonical fields of the row, or why it is refused.

        Arguments:
            label: the one label asked for; without it, any of the task's.
        """
        try:
            row = self._kind.fields(self._kind.with_label(given, label), self._spelling)
        except Unfit as unfit:
            code = unfit.code if unfit.code in self._kind.problems else f"without_{unfit.code}"
            return Refused(code, self._kind.wrong(unfit.code))
        if fault := self._kind.fault(row, self._labels, label):
            return Refused(fault, self._kind.wrong(fault))
        if reason := self._reason(row["text"]):
            return Refused(reason, _REASONS[reason])
        self._known.add(row["text"])
        return row

    def _reason(self, text: str) -> str | None:
        if len(text) < self._quality.min_characters:
            return "too_short"
        if len(text) > self._quality.max_characters:
            return "too_long"
        return "near_copy" if self._known.like(text) else None
