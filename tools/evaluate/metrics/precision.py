from __future__ import annotations

from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers
from ..metric import ClassMetric, RatioMetric, Share


class Precision(ClassMetric, RatioMetric):
    """Of what was answered with the class, the share that is it (0 where it was never answered)."""

    title: ClassVar[Text] = Text("precision", "精確率")
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans")
    per_class: ClassVar[bool] = True

    def shares(self, columns: int) -> list[Share]:
        return [Share({at: 1}, {at + 2: 1}) for at in range(0, columns - 3, 3)]
