from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ...data.types import Answers
from ..metric import ClassMetric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class Precision(ClassMetric):
    """Of what was answered with the class, the share that is it (0 where it was never answered)."""

    title: ClassVar[Text] = Text("precision", "精確率")
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans")
    per_class: ClassVar[bool] = True

    def measure(self, sums: Array) -> Array:
        return ratio(sums[..., :-1, 0], sums[..., :-1, 2])
