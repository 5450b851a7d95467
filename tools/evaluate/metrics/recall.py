from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ...data.types import Answers
from ..metric import ClassMetric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class Recall(ClassMetric):
    """Of what is of the class, the share answered with it (0 where there is nothing of it)."""

    title: ClassVar[Text] = Text("recall", "召回率")
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans")
    per_class: ClassVar[bool] = True

    def measure(self, sums: Array) -> Array:
        return ratio(sums[..., :-1, 0], sums[..., :-1, 1])
