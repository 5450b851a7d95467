from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import Metric, class_counts, ratio

if TYPE_CHECKING:
    from ..metric import Array


class MacroF1(Metric):
    """The mean of the labels' F1, each label weighing the same however many rows it has.

    A label that neither stands in the rows nor was answered is left out (as in scikit-learn with `zero_division=nan`).
    """

    title: ClassVar[Text] = Text("macro-F1", "macro-F1")

    def measure(self, counts: Array) -> Array:
        right, of_label, answered = class_counts(counts)
        seen = of_label + answered
        return ratio(ratio(2.0 * right, seen).sum(axis=-1), (seen > 0).sum(axis=-1))
