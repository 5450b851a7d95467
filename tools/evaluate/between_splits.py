"""What lies between the rows a version learnt from and those it is tested on.

`told_apart`: how well a classifier tells training texts from test texts (Lopez-Paz and Oquab, "Revisiting Classifier
Two-Sample Tests", 2017), by the area under the ROC curve: 0.5 where they are alike, 1 where every text shows its side.
`test_suspects`: test rows whose label a simple model that learnt the training rows denies, though it is sure.
`repeated`: how many texts of each label are left when those that nearly repeat each other count as one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..data.rows import Row
from .forms import forms_of
from .giveaways import giveaways, signs_of, text_of, without
from .seen import BetweenSplits, Giveaways, Repeats, SideWords, SuspectTests, ToldApart
from .text_features import mark_entity, text_features

_FOLDS = 3
_STRENGTH = 10.0
_SURE = 0.8
_TWINS = 0.95  # cosine from which on two texts count as one
_EXAMPLES = 8
_MOST_IDS = 1_000
_WORDS = 6
_FEWEST = 12
_LETTERS = re.compile(r"[^\W\d_]+|[\ue000-\uf8ff]")


def between_splits(train: Sequence[Row], valid: Sequence[Row], test: Sequence[Row], language: str) -> BetweenSplits:
    """Everything that is looked for between these rows; ids, figures and single words, never a row's text."""
    labelled = bool(train) and "label" in train[0]
    given: Giveaways = giveaways(train, test) if labelled else {}
    signs = given.pop("all", [])
    found: BetweenSplits = {
        "forms": forms_of({"train": train, "valid": valid, "test": test}),
        "giveaways": given,
        "told_apart": _told_apart(train, test, signs, language) if min(len(train), len(test)) >= _FEWEST else {},
    }
    if labelled:
        found["test_suspects"] = _test_suspects(train, test, signs, language)
        found["repeated"] = _count_repeats(train, language)
    return found


def _told_apart(train: Sequence[Row], test: Sequence[Row], signs: Sequence[str], language: str) -> ToldApart:
    """Without the signs that give labels away, and each label weighing on both sides what it weighs in the test."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    rows = [*train, *test]
    side = np.array([0] * len(train) + [1] * len(test))
    features = text_features(language)
    vectors = features.fit_transform(_plain(rows, signs))
    weights = np.array([*_weights(train, test), *[1.0] * len(test)])
    weights[side == 0] *= len(test) / max(weights[side == 0].sum(), 1e-9)
    chances = np.zeros(len(rows))
    for learnt, asked in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(vectors, side):
        model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3)
        model.fit(vectors[learnt], side[learnt], sample_weight=weights[learnt])
        chances[asked] = model.predict_proba(vectors[asked])[:, 1]
    known = weights > 0
    return {
        "auc": round(float(roc_auc_score(side[known], chances[known], sample_weight=weights[known])), 4),
        "words": _typical(train, test),
    }


def _plain(rows: Sequence[Row], signs: Sequence[str]) -> list[str]:
    """The rows' texts without those signs, as the simple model reads them."""
    return [mark_entity({**row, "text": without(str(row["text"]), signs)}) for row in rows]


def _weights(train: Sequence[Row], test: Sequence[Row]) -> list[float]:
    if not train or "label" not in train[0]:
        return [1.0] * len(train)
    had, wanted = (Counter(str(row["label"]) for row in rows) for rows in (train, test))
    return [wanted[str(row["label"])] / had[str(row["label"])] for row in train]


def _typical(train: Sequence[Row], test: Sequence[Row]) -> SideWords:
    """Words that stand in far more texts of one side."""
    shares = []
    for rows in (train, test):
        counts = Counter(sign for row in rows for sign in signs_of(text_of(row)) if sign.isalpha() and len(sign) > 1)
        shares.append({sign: count / len(rows) for sign, count in counts.items() if count > 2})
    apart = {sign: shares[1].get(sign, 0.0) - shares[0].get(sign, 0.0) for sign in {**shares[0], **shares[1]}}
    order = sorted(apart, key=lambda sign: apart[sign])
    return {
        "train": [sign for sign in order[:_WORDS] if apart[sign] < 0],
        "test": [sign for sign in reversed(order[-_WORDS:]) if apart[sign] > 0],
    }


def _test_suspects(train: Sequence[Row], test: Sequence[Row], signs: Sequence[str], language: str) -> SuspectTests:
    """By a model that saw no sign that gives the label away; `right` is its score on the test."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    given = [str(row["label"]) for row in train]
    if len(set(given)) < 2 or not test:
        return {}
    features = text_features(language)
    # Balanced: a rare label is not to be denied for being rare.
    model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3, class_weight="balanced").fit(
        features.fit_transform(_plain(train, signs)), given
    )
    chances = model.predict_proba(features.transform(_plain(test, signs)))
    best, surest = np.array(model.classes_)[chances.argmax(axis=1)].tolist(), chances.max(axis=1).tolist()
    sure = [at for at, chance in enumerate(surest) if chance >= _SURE]
    denied = sorted((at for at in sure if best[at] != test[at]["label"]), key=lambda at: -surest[at])
    return {
        "rows": len(test),
        "sure": len(sure),
        "denied": len(denied),
        "right": round(sum(one == row["label"] for one, row in zip(best, test, strict=True)) / len(test), 4),
        "likelier": {test[at]["id"]: best[at] for at in denied[:_MOST_IDS]},
        "examples": [
            {"id": test[at]["id"], "label": test[at]["label"], "likelier": best[at], "chance": round(surest[at], 3)}
            for at in denied[:_EXAMPLES]
        ],
    }


def _count_repeats(rows: Sequence[Row], language: str) -> dict[str, Repeats]:
    """Of each label its rows, and how many different texts they are, whatever their numbers and signs."""
    found: dict[str, Repeats] = {}
    by_label: dict[str, list[str]] = {}
    for row in rows:
        by_label.setdefault(str(row["label"]), []).append(" ".join(_LETTERS.findall(mark_entity(row))))
    features = text_features(language).fit([text for texts in by_label.values() for text in texts])
    for label, texts in by_label.items():
        found[label] = {"rows": len(texts), "different": _different(features.transform(list(dict.fromkeys(texts))))}
    return found


def _different(vectors: Any) -> int:
    """How many rows are left when each that is a twin of an earlier one is dropped."""
    from sklearn.preprocessing import normalize

    normal = normalize(vectors)
    alike = (normal @ normal.T) >= _TWINS
    kept: list[int] = []
    dropped: set[int] = set()
    for at in range(normal.shape[0]):
        if at in dropped:
            continue
        kept.append(at)
        dropped.update(alike.indices[alike.indptr[at] : alike.indptr[at + 1]].tolist())
    return len(kept)
