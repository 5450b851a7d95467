from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.rows import Row
from ...data.task_kind import Answers
from ..baseline import Baseline
from ..metric import Answered


class Longer(Baseline):
    """The longer answer wins: people and judges often prefer length, so a model must know more than that."""

    title: ClassVar[Text] = Text("the longer answer wins", "選較長的回答")
    fits: ClassVar[tuple[Answers, ...]] = ("pair",)

    def answers(self, train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[Answered]:
        return [
            Answered(str(row["chosen"]), None, None, float(len(row["chosen"]) - len(row["rejected"]))) for row in rows
        ]
