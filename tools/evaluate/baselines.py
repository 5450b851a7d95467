"""What stands beside every result: the majority class, TF-IDF with logistic regression, the untuned base model.

Answers are cached by the hashes of what they depend on, so evaluating again costs nothing more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.files import read_json, sha256_bytes, write_json
from ...resources.language import Text
from ..data.rows import Row, normalised

TITLES = {
    "majority": Text("the majority class", "多數類別"),
    "tfidf": Text("TF-IDF + logistic regression", "TF-IDF＋邏輯迴歸"),
    "base_model": Text("the untuned base model", "未微調的基礎模型"),
}
SIMPLE = ("majority", "tfidf")
_VERSION = 1  # raise when an answer below may change
_ENTITY_MARK = "\ue000"  # one private character, so that character n-grams see where the entity stands
_STRENGTHS = (1.0, 10.0, 100.0)


def majority_answers(train: Sequence[Row], rows: Sequence[Row]) -> list[str | None]:
    """The most frequent training label for every row (of equally frequent ones the first in the alphabet)."""
    counts = Counter(str(row["label"]) for row in train)
    most = min(counts, key=lambda label: (-counts[label], label))
    return [most] * len(rows)


def tfidf_answers(train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> list[str | None]:
    """Logistic regression on TF-IDF of n-grams, its strength chosen on the validation rows.

    Chinese is read as 1 to 3 characters, English as 1 or 2 words beside 2 to 5 characters; where rows have an
    entity, its mentions are marked, so that the words around it can be told from those around another one.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from threadpoolctl import threadpool_limits

    labels = [str(row["label"]) for row in train]
    if len(set(labels)) < 2:
        return majority_answers(train, rows)
    features = text_features(language)
    known = features.fit_transform([marked(row) for row in train])
    with threadpool_limits(1):  # more threads spend their time waiting for each other on problems this small
        fitted = [LogisticRegression(C=strength, max_iter=2000).fit(known, labels)
                  for strength in (_STRENGTHS if valid else _STRENGTHS[1:2])]
    best = fitted[0]
    if valid:
        held_out = features.transform([marked(row) for row in valid])
        gold = [str(row["label"]) for row in valid]
        scores = [f1_score(gold, model.predict(held_out), average="macro") for model in fitted]
        best = fitted[scores.index(max(scores))]
    return [str(label) for label in best.predict(features.transform([marked(row) for row in rows]))]


def text_features(language: str) -> Any:
    """TF-IDF as `tfidf_answers` reads a language, not fitted yet; it wants `marked` rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    if language == "zh-TW":
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    return FeatureUnion([
        ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=rf"\w+|{_ENTITY_MARK}")),
        ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)),
    ])


def cached_answers(
    folder: Path, name: str, key: Mapping[str, Any], answer: Callable[[], Sequence[str | None]]
) -> list[str | None]:
    """The answers computed once for this `key` (what they depend on), kept under `folder`."""
    digest = sha256_bytes(json.dumps({"version": _VERSION, **key}, sort_keys=True, ensure_ascii=False).encode())
    path = folder / "baselines" / f"{name}-{digest[:16]}.json"
    if path.is_file():
        return list(read_json(path)["answers"])
    answers = list(answer())
    write_json(path, {"format": 1, "name": name, "key": dict(key), "answers": answers})
    return answers


def marked(row: Row) -> str:
    """The row's text, case-folded, with its entity's mentions replaced by the mark."""
    text = normalised(str(row["text"])).casefold()
    entity = normalised(str(row.get("entity") or "")).casefold()
    if not entity:
        return text
    return text.replace(entity, f" {_ENTITY_MARK} ") if entity in text else f"{text} {_ENTITY_MARK} {entity}"
