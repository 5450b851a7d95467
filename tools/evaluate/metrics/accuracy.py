from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import ClassMetric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class Accuracy(ClassMetric):
    """The share of rows answered rightly. Reads well, and hides a neglected small class: look at macro-F1 beside it."""

    title: ClassVar[Text] = Text("accuracy", "準確率")
    explained: ClassVar[Text] = Text("Accuracy: the share of rows labelled rightly.", "準確率：答對的比例。")

    def measure(self, sums: Array) -> Array:
        return ratio(sums[..., 0].sum(axis=-1), sums[..., 1].sum(axis=-1))
