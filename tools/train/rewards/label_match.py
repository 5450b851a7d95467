from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers, kind_of
from ..reward import Reward


class LabelMatch(Reward):
    """1 where the whole answer is the row's label, else 0: 不是正面 is not 正面."""

    title: ClassVar[Text] = Text("the answer is the row's label", "回答就是這一列的標籤")
    answers: ClassVar[tuple[Answers, ...]] = ("label",)
    usual_for: ClassVar[tuple[Answers, ...]] = ("label",)

    def score(self, row: Mapping[str, Any], answer: str, labels: Sequence[str]) -> float:
        kind = kind_of(row)
        return float(kind.read(answer, labels) == kind.gold(row))
