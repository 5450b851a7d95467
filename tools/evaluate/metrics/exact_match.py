from __future__ import annotations

from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.rows import normalise
from ...data.task_kind import Answers
from ..metric import Answered, ShareMetric


class ExactMatch(ShareMetric):
    """The share of answers equal to what was wanted, width and white space made alike; of parts, all of a row's."""

    title: ClassVar[Text] = Text("exact match", "完全相符率")
    explained: ClassVar[Text] = Text(
        "Exact match: the share of rows answered exactly as wanted.", "完全相符率：回答和標準答案完全相同的比例。"
    )
    answers: ClassVar[tuple[Answers, ...]] = ("spans", "text")
    verifiable: ClassVar[bool] = True

    def holds(self, row: Answered) -> bool:
        return row.answer is not None and normalise(row.answer) == normalise(row.gold)
