from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers
from ..metric import Answered, ShareMetric


class InvalidRate(ShareMetric):
    """The share of answers that are none of their kind: no label, no JSON of parts, empty. Each counts as wrong."""

    title: ClassVar[Text] = Text("invalid answers", "無效回答比例")
    explained: ClassVar[Text] = Text(
        "Invalid answers: no label, no JSON of parts, or empty; each counts as wrong.",
        "無效回答：不是標籤、不是 JSON 或空白的回答，都算錯。",
    )
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans", "text", "pair")
    higher_is_better: ClassVar[bool] = False

    def applies(self, answers: Sequence[Answered]) -> bool:
        return all(row.raw is not None for row in answers)

    def holds(self, row: Answered) -> bool:
        return row.answer is None
