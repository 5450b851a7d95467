from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import Metric, class_counts, ratio

if TYPE_CHECKING:
    from ..metric import Array


class F1(Metric):
    """The harmonic mean of the label's precision and recall (0 where both are 0)."""

    title: ClassVar[Text] = Text("F1", "F1")
    per_class: ClassVar[bool] = True

    def measure(self, counts: Array) -> Array:
        right, of_label, answered = class_counts(counts)
        return ratio(2.0 * right, of_label + answered)
