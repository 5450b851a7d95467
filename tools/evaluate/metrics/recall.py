from __future__ import annotations

from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers
from ..metric import ClassMetric, RatioMetric, Share


class Recall(ClassMetric, RatioMetric):
    """Of what is of the class, the share answered with it (0 where there is nothing of it)."""

    title: ClassVar[Text] = Text("recall", "召回率")
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans")
    per_class: ClassVar[bool] = True

    def shares(self, columns: int) -> list[Share]:
        return [Share({at: 1}, {at + 1: 1}) for at in range(0, columns - 3, 3)]
