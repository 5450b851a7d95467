from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import Metric, class_counts, ratio

if TYPE_CHECKING:
    from ..metric import Array


class Accuracy(Metric):
    """The share of rows answered rightly. Reads well, and hides a neglected small class: look at macro-F1 beside it."""

    title: ClassVar[Text] = Text("accuracy", "準確率")

    def measure(self, counts: Array) -> Array:
        right, of_label, _ = class_counts(counts)
        return ratio(right.sum(axis=-1), of_label.sum(axis=-1))
