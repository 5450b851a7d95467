from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import Metric, class_counts, ratio

if TYPE_CHECKING:
    from ..metric import Array


class Recall(Metric):
    """Of the rows of the label, the share answered with it (0 where it has no rows)."""

    title: ClassVar[Text] = Text("recall", "召回率")
    per_class: ClassVar[bool] = True

    def measure(self, counts: Array) -> Array:
        right, of_label, _ = class_counts(counts)
        return ratio(right, of_label)
