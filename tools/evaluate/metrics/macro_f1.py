from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ..metric import MeanOfClasses, counted_labels


class MacroF1(MeanOfClasses):
    """The mean of the labels' F1, each label weighing the same however many rows it has.

    A label with fewer than six rows is left out: its F1 is as good as drawn, and would weigh as much as any other. Where
    fewer than two labels have six, every label that has rows counts.
    """

    title: ClassVar[Text] = Text("macro-F1", "macro-F1")
    explained: ClassVar[Text] = Text(
        "macro-F1: the mean of every label's F1; a small label counts as much as a large one.",
        "macro-F1：各標籤 F1 的平均，小類別和大類別一樣重要。",
    )

    def weights(self, sums: Sequence[float]) -> list[float]:
        return [float(counts) for counts in counted_labels(sums[1:-3:3])]
