from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.task_kind import Answers
from ..metric import Answered, ShareMetric


class PreferenceAccuracy(ShareMetric):
    """The share of pairs of which the chosen answer is held likelier than the rejected one, by the mean of its tokens."""

    title: ClassVar[Text] = Text("preference accuracy", "偏好準確率")
    explained: ClassVar[Text] = Text(
        "Preference accuracy: the share of pairs in which the model rates the preferred answer as more likely (mean "
        "log-likelihood per token). Half is chance.",
        "偏好準確率：模型認為較佳回答更有可能（每個 token 的平均對數機率）的比例；一半等於亂猜。",
    )
    answers: ClassVar[tuple[Answers, ...]] = ("pair",)

    def applies(self, answers: Sequence[Answered]) -> bool:
        return all(row.margin is not None for row in answers)

    def holds(self, row: Answered) -> bool:
        return row.margin is not None and row.margin > 0
