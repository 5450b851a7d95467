from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ...data.types import Answers
from ..metric import ClassMetric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class F1(ClassMetric):
    """The harmonic mean of the class's precision and recall (0 where both are 0)."""

    title: ClassVar[Text] = Text("F1", "F1")
    answers: ClassVar[tuple[Answers, ...]] = ("label", "spans")
    per_class: ClassVar[bool] = True

    def measure(self, sums: Array) -> Array:
        known = sums[..., :-1, :]
        return ratio(2.0 * known[..., 0], known[..., 1] + known[..., 2])
