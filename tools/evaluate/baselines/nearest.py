from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.prompting import answer_of
from ...data.rows import Row
from ...data.task_kind import Answers
from ..baseline import Baseline, answer_row
from ..metric import Answered
from ..text_features import mark_entity, nearest_rows, text_features


class Nearest(Baseline):
    """The answer of the training row whose text is most similar (cosine of TF-IDF): a search instead of a model."""

    title: ClassVar[Text] = Text("the answer of the most similar training row", "最相似訓練資料的回答")
    fits: ClassVar[tuple[Answers, ...]] = ("text",)

    def answers(self, train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[Answered]:
        features = text_features(language)
        known = features.fit_transform([mark_entity(row) for row in train])
        places, _ = nearest_rows(known, features.transform([mark_entity(row) for row in rows]))
        return [answer_row(row, answer_of(train[place])) for row, place in zip(rows, places, strict=True)]
