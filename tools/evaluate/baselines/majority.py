from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.rows import Row
from ...data.task_kind import Answers
from ..baseline import Baseline
from ..metric import Answered


class Majority(Baseline):
    """The most frequent training label for every row (of equally frequent ones the first in the alphabet)."""

    title: ClassVar[Text] = Text("the majority class", "多數類別")
    fits: ClassVar[tuple[Answers, ...]] = ("label",)

    def answers(self, train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[Answered]:
        counts = Counter(str(row["label"]) for row in train)
        most = min(counts, key=lambda label: (-counts[label], label))
        return [Answered(str(row["label"]), most, most) for row in rows]
