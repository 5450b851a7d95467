from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import Metric, class_counts, ratio

if TYPE_CHECKING:
    from ..metric import Array


class WeightedF1(Metric):
    """The mean of the labels' F1, each label weighing as many rows as it has."""

    title: ClassVar[Text] = Text("weighted F1", "加權 F1")

    def measure(self, counts: Array) -> Array:
        right, of_label, answered = class_counts(counts)
        return ratio((ratio(2.0 * right, of_label + answered) * of_label).sum(axis=-1), of_label.sum(axis=-1))
