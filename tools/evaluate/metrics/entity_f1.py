from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ...data.types import Answers
from ..metric import ClassMetric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class EntityF1(ClassMetric):
    """F1 over all parts of all texts (micro): a part is right where its type and its text are exactly those wanted.

    The exact criterion of CoNLL-2003 and seqeval, on the distinct (type, text) pairs of each row.
    """

    title: ClassVar[Text] = Text("entity F1", "實體 F1")
    explained: ClassVar[Text] = Text(
        "Entity F1: of the parts it named and the parts it should have named, how many agree exactly, type and text.",
        "實體 F1：模型擷取的片段和應該擷取的片段，種類與文字都完全相同的比例。")
    answers: ClassVar[tuple[Answers, ...]] = ("spans",)

    def measure(self, sums: Array) -> Array:
        right, wanted, named = (sums[..., kind].sum(axis=-1) for kind in range(3))
        return ratio(2.0 * right, wanted + named)
