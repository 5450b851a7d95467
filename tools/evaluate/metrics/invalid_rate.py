from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....resources.language import Text
from ..metric import Metric, ratio

if TYPE_CHECKING:
    from ..metric import Array


class InvalidRate(Metric):
    """The share of answers that are no label at all; each counts as wrong in every other metric."""

    title: ClassVar[Text] = Text("invalid answers", "無效回答比例")
    higher_is_better: ClassVar[bool] = False

    def measure(self, counts: Array) -> Array:
        return ratio(counts[..., -1].sum(axis=-1), counts.sum(axis=(-2, -1)))
