from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import ClassMetric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class MacroF1(ClassMetric):
    """The mean of the labels' F1, each label weighing the same however many rows it has.

    A label that neither stands in the rows nor was answered is left out (as in scikit-learn with `zero_division=nan`).
    """

    title: ClassVar[Text] = Text("macro-F1", "macro-F1")
    explained: ClassVar[Text] = Text(
        "macro-F1: the mean of every label's F1; a small label counts as much as a large one.",
        "macro-F1：各標籤 F1 的平均，小類別和大類別一樣重要。")

    def measure(self, sums: Array) -> Array:
        known = sums[..., :-1, :]
        seen = known[..., 1] + known[..., 2]
        return ratio(ratio(2.0 * known[..., 0], seen).sum(axis=-1), (seen > 0).sum(axis=-1))
