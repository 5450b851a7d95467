"""What an evaluation leaves for the diagnosis: suspect labels, near-duplicates, texts and answers cut off, the prompt.

Ids and figures only, never a row's text. Label suspects after Northcutt, Jiang and Chuang, "Confident Learning:
Estimating Uncertainty in Dataset Labels" (JAIR 2021): rows that a model which never saw them gives to another label,
more surely than it usually gives rows to that label. What depends on the data alone is kept by its hashes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ...resources.foundation.clock import now
from ...resources.foundation.files import read_json, sha256_bytes, write_json
from ...resources.task import Prompt
from ..data.prompting import chat_messages
from ..data.rows import Row
from .between_splits import between_splits
from .model import LoadedModel
from .predict import Prediction, prompt_ids
from .seen import AnswersLookedAt, CutTexts, DataSeen, LabelSuspects, NearDuplicates, PromptSeen
from .text_features import mark_entity, nearest_rows, text_features

_FORM = 5  # raise when what is found may change
_FOLDS = 3
_MOST_ROWS = 4_000  # looked at for suspect labels and for near-duplicates; beyond, an even sample
_STRENGTH = 10.0
_SURE = 0.8  # chance from which on the simple model counts as sure of a row
_ALIKE = 0.95  # cosine of TF-IDF vectors above which two texts are near-duplicates
_EXAMPLES = 8
_MOST_IDS = 1_000
_SHORTEST_CUT = 20
_WHOLE = tuple(".!?。！？…;；:：)）]】}」』\"'”’")  # what a text that is whole ends with


def answer_evidence(answers: Sequence[Prediction]) -> AnswersLookedAt:
    """When it was looked, and which free answers the model did not end by itself."""
    endless = [answer.id for answer in answers if not answer.ended]
    return {
        "created": now(),
        "rows": len(answers),
        "not_ended": {"found": len(endless), "examples": endless[:_EXAMPLES]},
    }


def data_evidence(
    cache: Path,
    train: Sequence[Row],
    valid: Sequence[Row],
    rows: Sequence[Row],
    language: str,
    hashes: Mapping[str, str],
) -> DataSeen:
    """`label_suspects`, `near_duplicates` and `cut_texts` of the rows trained on and the benchmark's, and what lies
    `between` them.

    Arguments:
        cache: the task's cache folder.
        hashes: name what the rows are; the same ones are looked at once.
    """
    digest = sha256_bytes(json.dumps({"form": _FORM, "language": language, **hashes}, sort_keys=True).encode())
    path = cache / "evidence" / f"{digest[:16]}.json"
    if not path.is_file():
        write_json(path, _look_at(train, valid, rows, language))
    return cast(DataSeen, read_json(path))


def _look_at(train: Sequence[Row], valid: Sequence[Row], rows: Sequence[Row], language: str) -> DataSeen:
    from threadpoolctl import threadpool_limits

    known, asked = _sample(train), _sample(rows)
    features = text_features(language)
    with threadpool_limits(1):
        vectors = features.fit_transform([mark_entity(row) for row in known])
        found: DataSeen = {"label_suspects": _label_suspects(vectors, known)} if "label" in known[0] else {}
        found["near_duplicates"] = _near_duplicates(
            vectors, features.transform([mark_entity(row) for row in asked]), known, asked
        )
        found["cut_texts"] = _cut_texts(train)
        found["between"] = between_splits(known, _sample(valid), asked, language)
        return found


def _sample(rows: Sequence[Row]) -> list[Row]:
    every = max(1, -(-len(rows) // _MOST_ROWS))
    return list(rows[::every])


def _label_suspects(vectors: Any, rows: Sequence[Row]) -> LabelSuspects:
    """Rows that belong elsewhere by the judgement of models that were trained without them."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    counts = Counter(str(row["label"]) for row in rows)
    labels = sorted(label for label, count in counts.items() if count >= _FOLDS)
    if len(labels) < 2:
        return {}
    places = [at for at, row in enumerate(rows) if row["label"] in labels]
    rows, vectors = [rows[at] for at in places], vectors[places]
    given = np.array([str(row["label"]) for row in rows])
    model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    chances = cross_val_predict(model, vectors, given, cv=folds, method="predict_proba")
    own = chances[np.arange(len(given)), [labels.index(label) for label in given]]
    usual = np.array([chances[given == label, place].mean() for place, label in enumerate(labels)])
    sure = np.where(chances >= usual, chances, 0.0)
    best = sure.argmax(axis=1)
    likelier = np.array(labels)[best]
    suspect = (sure.max(axis=1) > 0) & (likelier != given)
    sure_of = chances.max(axis=1) >= _SURE
    order = sorted(np.flatnonzero(suspect).tolist(), key=lambda at: own[at] - chances[at, best[at]])
    return {
        "rows": len(rows),
        "found": len(order),
        "agreement": round(
            float((chances.argmax(axis=1) == np.array([labels.index(label) for label in given])).mean()), 4
        ),
        "sure": {
            "rows": int(sure_of.sum()),
            "denied": int((sure_of & (np.array(labels)[chances.argmax(axis=1)] != given)).sum()),
        },
        "pairs": [
            {"label": pair[0], "likelier": pair[1], "rows": count}
            for pair, count in Counter((str(given[at]), str(likelier[at])) for at in order).most_common(3)
        ],
        "examples": [
            {
                "id": rows[at]["id"],
                "label": str(given[at]),
                "likelier": str(likelier[at]),
                "chance": round(float(chances[at, best[at]]), 3),
            }
            for at in order[:_EXAMPLES]
        ],
        "ids": [rows[at]["id"] for at in order[:_MOST_IDS]],
    }


def _near_duplicates(vectors: Any, others: Any, train: Sequence[Row], rows: Sequence[Row]) -> NearDuplicates:
    """Rows of the benchmark that nearly stand in the training rows."""
    nearest, closeness = nearest_rows(vectors, others)
    found = [at for at in sorted(range(len(rows)), key=lambda at: -closeness[at]) if closeness[at] >= _ALIKE]
    return {
        "rows": len(rows),
        "found": len(found),
        "ids": [rows[at]["id"] for at in found[:_MOST_IDS]],
        "examples": [
            {"id": rows[at]["id"], "train": train[nearest[at]]["id"], "alike": round(closeness[at], 3)}
            for at in found[:_EXAMPLES]
        ],
    }


def _cut_texts(rows: Sequence[Row]) -> CutTexts:
    """How many texts end at the very same longest length in mid-sentence, as a column too short for them leaves them."""
    longest = max((len(str(row["text"])) for row in rows), default=0)
    ends = (
        [row["id"] for row in rows if len(str(row["text"])) == longest and not str(row["text"]).endswith(_WHOLE)]
        if longest >= _SHORTEST_CUT
        else []
    )
    return {"rows": len(rows), "characters": longest, "found": len(ends), "examples": ends[:_EXAMPLES]}


def same_prompt(
    loaded: LoadedModel | None, mark: PromptSeen | None, train: Sequence[Row], prompt: Prompt, labels: Sequence[str]
) -> bool | None:
    """Whether a row's prompt is written now, token for token, as it was in training; None where nobody can tell."""
    row = next((row for row in train if mark and row["id"] == mark["row"]), None)
    if loaded is None or mark is None or row is None:
        return None
    [ids] = prompt_ids(loaded, [chat_messages(row, prompt, labels)])
    return sha256_bytes(json.dumps(ids[: int(mark["tokens"])]).encode()) == str(mark["hash"])
