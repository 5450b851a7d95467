from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import ClassMetric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class WeightedF1(ClassMetric):
    """The mean of the labels' F1, each label weighing as many rows as it has."""

    title: ClassVar[Text] = Text("weighted F1", "加權 F1")
    explained: ClassVar[Text] = Text("Weighted F1: the mean of the labels' F1, weighted by their rows.",
                                     "加權 F1：依各標籤筆數加權的 F1 平均。")

    def measure(self, sums: Array) -> Array:
        right, of_label, answered = (sums[..., kind] for kind in range(3))
        return ratio((ratio(2.0 * right, of_label + answered) * of_label).sum(axis=-1), of_label.sum(axis=-1))
