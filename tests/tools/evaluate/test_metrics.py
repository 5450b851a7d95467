from __future__ import annotations

import math
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_skills.resources.errors import EvaluationError
from nlp_skills.tools.evaluate import metrics as metrics_folder
from nlp_skills.tools.evaluate.metric import check_metric, count_answers, known_metrics, metric_title

pytestmark = pytest.mark.worker

LABELS = ["positive", "neutral", "negative"]
ANSWERS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None])), min_size=1, max_size=40)


def measured(name: str, pairs: list[tuple[str, str | None]]) -> list[float]:
    counts = count_answers([gold for gold, _ in pairs], [answer for _, answer in pairs], LABELS)
    value = known_metrics()[name].measure(counts)
    return value.tolist() if value.ndim else [float(value)]


def test_every_file_in_the_folder_is_a_metric() -> None:
    files = {path.stem for path in Path(str(metrics_folder.__file__)).parent.glob("[a-z]*.py")}
    assert set(known_metrics()) == files
    for metric in known_metrics().values():
        assert metric.__doc__ and metric.title.zh


@settings(max_examples=60, deadline=None)
@given(ANSWERS)
def test_metrics_agree_with_scikit_learn(pairs: list[tuple[str, str | None]]) -> None:
    from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

    gold, answers = [g for g, _ in pairs], [a or "not a label" for _, a in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, support = precision_recall_fscore_support(gold, answers, labels=LABELS, zero_division=0)
        macro = f1_score(gold, answers, labels=LABELS, average="macro", zero_division=math.nan)
        weighted = f1_score(gold, answers, labels=LABELS, average="weighted", zero_division=0)
    assert measured("precision", pairs) == pytest.approx(precision.tolist())
    assert measured("recall", pairs) == pytest.approx(recall.tolist())
    assert measured("f1", pairs) == pytest.approx(f1.tolist())
    assert measured("accuracy", pairs) == pytest.approx([accuracy_score(gold, answers)])
    assert measured("weighted_f1", pairs) == pytest.approx([weighted])
    expected = 0.0 if math.isnan(macro) else macro
    assert measured("macro_f1", pairs) == pytest.approx([expected])
    assert support.sum() == len(pairs)


def test_an_invalid_answer_counts_as_wrong() -> None:
    pairs: list[tuple[str, str | None]] = [("positive", "positive"), ("positive", None), ("negative", "不是正面")]
    assert measured("accuracy", pairs) == pytest.approx([1 / 3])
    assert measured("invalid_rate", pairs) == pytest.approx([2 / 3])
    assert measured("recall", pairs) == pytest.approx([0.5, 0.0, 0.0])


def test_many_counts_are_measured_at_once() -> None:
    import numpy as np

    stacked = np.stack([count_answers(["positive"], ["positive"], LABELS), count_answers(["positive"], [None], LABELS)])
    assert known_metrics()["accuracy"].measure(stacked).tolist() == [1.0, 0.0]
    assert known_metrics()["f1"].measure(stacked).shape == (2, 3)


def test_a_metric_is_found_by_name_and_label() -> None:
    assert check_metric("macro_f1", LABELS)[1] is None
    assert check_metric("recall.negative", LABELS)[1] == "negative"
    assert metric_title("recall.負面").zh == "「負面」的召回率"


@pytest.mark.parametrize(("name", "offered"), [
    ("macrof1", "macro_f1"), ("recall", "recall.positive"), ("recall.negativ", "recall.negative"), ("", "accuracy"),
])
def test_an_unknown_metric_offers_the_nearest(name: str, offered: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        check_metric(name, LABELS)
    assert offered in caught.value.fix.en and caught.value.field == "success_criteria.metric"
