from __future__ import annotations

from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers
from ..metric import ClassMetric, F1Metric, Share


class EntityF1(ClassMetric, F1Metric):
    """F1 over all parts of all texts (micro): a part is right where its type and its text are exactly those wanted.

    The exact criterion of CoNLL-2003 and seqeval, on the distinct (type, text) pairs of each row.
    """

    title: ClassVar[Text] = Text("entity F1", "實體 F1")
    explained: ClassVar[Text] = Text(
        "Entity F1: of the parts it named and the parts it should have named, how many agree exactly, type and text.",
        "實體 F1：模型擷取的片段和應該擷取的片段，種類與文字都完全相同的比例。",
    )
    answers: ClassVar[tuple[Answers, ...]] = ("spans",)
    verifiable: ClassVar[bool] = True

    def shares(self, columns: int) -> list[Share]:
        return [Share(dict.fromkeys(range(0, columns, 3), 1), {at: -1 if at % 3 == 0 else 1 for at in range(columns)})]
