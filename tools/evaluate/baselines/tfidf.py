from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ....resources.foundation.language import Text
from ...data.rows import Row
from ...data.task_kind import Answers
from ..baseline import Baseline
from ..metric import Answered
from ..text_features import mark_entity, text_features

_STRENGTHS = (1.0, 10.0, 100.0)


class Tfidf(Baseline):
    """Logistic regression on TF-IDF of n-grams, its strength chosen on the validation rows.

    Where rows have an entity, its mentions are marked, so that the words around it can be told from those around
    another one.
    """

    title: ClassVar[Text] = Text("TF-IDF + logistic regression", "TF-IDF＋邏輯迴歸")
    fits: ClassVar[tuple[Answers, ...]] = ("label",)

    def answers(self, train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[Answered]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score
        from threadpoolctl import threadpool_limits

        labels = [str(row["label"]) for row in train]
        if len(set(labels)) < 2:
            return [Answered(str(row["label"]), labels[0], labels[0]) for row in rows]
        features = text_features(language)
        known = features.fit_transform([mark_entity(row) for row in train])
        with threadpool_limits(1):  # more threads spend their time waiting for each other on problems this small
            fitted = [
                LogisticRegression(C=strength, max_iter=2000).fit(known, labels)
                for strength in (_STRENGTHS if valid else _STRENGTHS[1:2])
            ]
        best = fitted[0]
        if valid:
            held_out = features.transform([mark_entity(row) for row in valid])
            gold = [str(row["label"]) for row in valid]
            scores = [f1_score(gold, model.predict(held_out), average="macro") for model in fitted]
            best = fitted[scores.index(max(scores))]
        found = best.predict(features.transform([mark_entity(row) for row in rows]))
        return [Answered(str(row["label"]), str(label), str(label)) for row, label in zip(rows, found, strict=True)]
