from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ..metric import MeanOfClasses


class WeightedF1(MeanOfClasses):
    """The mean of the labels' F1, each label weighing as many rows as it has."""

    title: ClassVar[Text] = Text("weighted F1", "加權 F1")
    explained: ClassVar[Text] = Text(
        "Weighted F1: the mean of the labels' F1, weighted by their rows.", "加權 F1：依各標籤筆數加權的 F1 平均。"
    )

    def weights(self, sums: Sequence[float]) -> list[float]:
        return [sums[at + 1] for at in range(0, len(sums) - 3, 3)]
