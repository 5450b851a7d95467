from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers, kind_of
from ..reward import Reward


class ExactMatch(Reward):
    """1 where the answer is the row's in the form answers are compared in (JSON whatever its order, text after any
    thoughts), else 0."""

    title: ClassVar[Text] = Text("the answer is exactly the right one", "回答和正確答案完全相同")
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans", "text")
    usual_for: ClassVar[tuple[Answers, ...]] = ("spans", "text")

    def score(self, row: Mapping[str, Any], answer: str, labels: Sequence[str]) -> float:
        kind = kind_of(row)
        return float(kind.read(answer, labels) == kind.gold(row))
