from __future__ import annotations

from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers
from ..metric import ClassMetric, F1Metric, Share


class F1(ClassMetric, F1Metric):
    """The harmonic mean of the class's precision and recall (0 where both are 0)."""

    title: ClassVar[Text] = Text("F1", "F1")
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans")
    per_class: ClassVar[bool] = True

    def shares(self, columns: int) -> list[Share]:
        return [Share({at: 1}, {at: -1, at + 1: 1, at + 2: 1}) for at in range(0, columns - 3, 3)]
