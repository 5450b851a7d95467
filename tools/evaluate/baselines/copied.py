from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.rows import Row
from ...data.task_kind import Answers
from ..baseline import Baseline, answer_row
from ..metric import Answered


class Copied(Baseline):
    """The input itself as the answer. It is strong where little has to be changed: corrections, shortening, rewriting."""

    title: ClassVar[Text] = Text("copying the input", "直接複製輸入")
    fits: ClassVar[tuple[Answers, ...]] = ("text",)

    def makes_sense(self, train: Sequence[Row]) -> bool:
        return "output" in train[0]  # of a conversation nobody would repeat what was said so far

    def answers(self, train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[Answered]:
        return [answer_row(row, str(row["text"])) for row in rows]
