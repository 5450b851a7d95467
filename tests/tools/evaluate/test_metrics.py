from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_skills.resources.foundation.errors import EvaluationError
from nlp_skills.tools.evaluate import metrics as metrics_folder
from nlp_skills.tools.evaluate.intervals import count_groups
from nlp_skills.tools.evaluate.metric import Answered, Metric, check_metric, known_metrics, metric_title

pytestmark = pytest.mark.worker

LABELS = ["positive", "neutral", "negative"]
ANSWERS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None])), min_size=1, max_size=40)


def measure_pairs(name: str, pairs: list[tuple[str, str | None]]) -> list[float]:
    return score_rows(known_metrics()[name], [Answered(gold, answer, answer or "?") for gold, answer in pairs], LABELS)


def score_rows(metric: Metric, rows: list[Answered], labels: list[str]) -> list[float]:
    """The metric of all the rows together."""
    return metric.measure(count_groups(metric.tally(rows, labels), metric.columns(len(labels))).sums)


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
        enough = [label for label in LABELS if gold.count(label) >= 6]
        counted_in = enough if len(enough) > 1 else [label for label in LABELS if label in gold]
        macro = f1_score(gold, answers, labels=counted_in, average="macro", zero_division=0)
        weighted = f1_score(gold, answers, labels=LABELS, average="weighted", zero_division=0)
    assert measure_pairs("precision", pairs) == pytest.approx(precision.tolist())
    assert measure_pairs("recall", pairs) == pytest.approx(recall.tolist())
    assert measure_pairs("f1", pairs) == pytest.approx(f1.tolist())
    assert measure_pairs("accuracy", pairs) == pytest.approx([accuracy_score(gold, answers)])
    assert measure_pairs("weighted_f1", pairs) == pytest.approx([weighted])
    assert measure_pairs("macro_f1", pairs) == pytest.approx([macro])
    assert support.sum() == len(pairs)


def test_an_invalid_answer_counts_as_wrong() -> None:
    pairs: list[tuple[str, str | None]] = [("positive", "positive"), ("positive", None), ("negative", None)]
    assert measure_pairs("accuracy", pairs) == pytest.approx([1 / 3])
    assert measure_pairs("invalid_rate", pairs) == pytest.approx([2 / 3])
    assert measure_pairs("recall", pairs) == pytest.approx([0.5, 0.0, 0.0])


def test_macro_f1_leaves_out_a_label_with_fewer_than_six_rows() -> None:
    rows: list[tuple[str, str | None]] = [*[("positive", "positive")] * 8, *[("neutral", "neutral")] * 6]
    assert measure_pairs("macro_f1", [*rows, *[("negative", "neutral")] * 5]) == pytest.approx([(1 + 12 / 17) / 2])
    assert measure_pairs("macro_f1", [*rows, *[("negative", "neutral")] * 6]) == pytest.approx([(1 + 12 / 18) / 3])


def test_where_all_labels_have_few_rows_all_of_them_count() -> None:
    assert measure_pairs("macro_f1", [("positive", "positive"), ("neutral", None)]) == pytest.approx([0.5])


def test_a_metric_is_found_by_name_and_label() -> None:
    assert check_metric("macro_f1", LABELS)[1] is None
    assert check_metric("recall.negative", LABELS)[1] == "negative"
    assert metric_title("recall.負面").zh == "「負面」的召回率"


@pytest.mark.parametrize(
    ("name", "offered"),
    [("macrof1", "macro_f1"), ("recall", "recall.positive"), ("recall.negativ", "recall.negative"), ("", "accuracy")],
)
def test_an_unknown_metric_offers_the_nearest(name: str, offered: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        check_metric(name, LABELS)
    assert offered in caught.value.fix.en and caught.value.field == "success_criteria.metric"


@pytest.mark.parametrize("answers", ["spans", "text", "pair"])
def test_a_metric_of_labels_does_not_fit_other_answers(answers: Any) -> None:
    for name in ("macro_f1", "accuracy"):
        with pytest.raises(EvaluationError):
            check_metric(name, LABELS, answers)
    usual = {"spans": "entity_f1", "text": "chrf", "pair": "preference_accuracy"}[answers]
    assert check_metric(usual, LABELS, answers)[0].title


def spans(**parts: list[str]) -> str:
    return json.dumps(parts, ensure_ascii=False)


def test_entity_f1_wants_type_and_text_exactly_as_seqeval_does() -> None:
    rows = [
        Answered(spans(PER=["Ann"], ORG=["Acme Corp"]), spans(PER=["Ann"], ORG=["Acme"])),  # a boundary is wrong
        Answered(spans(PER=["Bo"]), spans(ORG=["Bo"])),  # a type is wrong
        Answered(spans(PER=["Cy"]), None),  # no JSON
        Answered(spans(), spans(MADE_UP=["Dee"])),  # a type that the task does not know
    ]
    labels = ["PER", "ORG"]
    assert score_rows(known_metrics()["entity_f1"], rows, labels) == pytest.approx([2 * 1 / (4 + 4)])
    assert score_rows(known_metrics()["precision"], rows, labels) == pytest.approx([1.0, 0.0])
    assert score_rows(known_metrics()["recall"], rows, labels) == pytest.approx([1 / 3, 0.0])
    assert score_rows(known_metrics()["exact_match"], rows, labels) == [0.0]


def test_a_part_named_twice_counts_once() -> None:
    row = Answered(spans(PER=["Ann"]), spans(PER=["Ann", "Ann"]))
    assert score_rows(known_metrics()["entity_f1"], [row], ["PER"]) == [1.0]


TEXTS = st.text(alphabet="ab c台灣，語.", max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12))
def test_chrf_agrees_with_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    from sacrebleu import CHRF

    rows = [Answered(gold, said, said) for gold, said in pairs]
    expected = CHRF().corpus_score([said for _, said in pairs], [[gold for gold, _ in pairs]]).score
    assert score_rows(known_metrics()["chrf"], rows, []) == pytest.approx([expected / 100])


def test_exact_match_makes_width_and_white_space_alike_but_not_case() -> None:
    rows = [Answered("ＡＢＣ 公司", "ABC  公司"), Answered("abc", "ABC"), Answered("a", None)]
    assert score_rows(known_metrics()["exact_match"], rows, []) == pytest.approx([1 / 3])


def test_json_validity_counts_what_a_program_can_read_where_json_was_wanted() -> None:
    metric = known_metrics()["json_validity"]
    rows = [Answered('{"a": 1}', said, said) for said in ('{"a": 2}', "```json\n[1]\n```", "a: 1")]
    assert metric.applies(rows) and score_rows(metric, rows, []) == pytest.approx([2 / 3])
    assert not metric.applies([*rows, Answered("plain words", "plain words", "plain words")])


def test_preference_accuracy_is_the_share_of_pairs_in_the_right_order() -> None:
    rows = [Answered("good", "good", "good", margin) for margin in (0.2, -0.1, 0.0)]
    assert score_rows(known_metrics()["preference_accuracy"], rows, []) == pytest.approx([1 / 3])
