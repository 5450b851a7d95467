from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import Metric, class_counts, ratio

if TYPE_CHECKING:
    from ..metric import Array


class Precision(Metric):
    """Of the rows answered with the label, the share that are it (0 where it was never answered)."""

    title: ClassVar[Text] = Text("precision", "精確率")
    per_class: ClassVar[bool] = True

    def measure(self, counts: Array) -> Array:
        right, _, answered = class_counts(counts)
        return ratio(right, answered)
