"""Rows as TF-IDF vectors: what the simple methods and the search for near-duplicates read."""

from __future__ import annotations

from typing import Any

from ..data.rows import Row, normalise

_ENTITY_MARK = "\ue000"  # one private character, so that character n-grams see where the entity stands


def text_features(language: str) -> Any:
    """TF-IDF of n-grams, not fitted yet; it wants `marked` rows.

    Chinese is read as 1 to 3 characters, English as 1 or 2 words beside 2 to 5 characters.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    if language == "zh-TW":
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    return FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=rf"\w+|{_ENTITY_MARK}")),
            ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)),
        ]
    )


def mark_entity(row: Row) -> str:
    """The row's text, case-folded, with its entity's mentions replaced by a mark."""
    text = normalise(str(row["text"])).casefold()
    entity = normalise(str(row.get("entity") or "")).casefold()
    if not entity:
        return text
    return text.replace(entity, f" {_ENTITY_MARK} ") if entity in text else f"{text} {_ENTITY_MARK} {entity}"


def nearest_rows(vectors: Any, others: Any) -> tuple[list[int], list[float]]:
    """For each of `others` the most similar of `vectors` (cosine), and how similar it is."""
    import numpy as np
    from sklearn.preprocessing import normalize

    alike = normalize(others) @ normalize(vectors).T
    places = np.asarray(alike.argmax(axis=1)).reshape(-1)
    return places.tolist(), np.asarray(alike.max(axis=1).todense()).reshape(-1).tolist()
