"""Intervals at the edges: all right, few rows, a label that would fall out of a draw; and the words about them.

How often the intervals hold the truth is simulated in `benchmarks/interval_coverage.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.evaluate.measuring import measure_answers
from nlp_skills.tools.evaluate.metric import Answered
from tests.tools.evaluate.report.conftest import task as task
from tests.tools.evaluate.report.reporting import make_trained, record_evaluation, report, rows_of

pytestmark = pytest.mark.worker
Make = Callable[..., TaskFolder]
LABELS = ["positive", "neutral", "negative"]
TOO_FEW_EN, TOO_FEW_ZH = (
    re.compile("too few to say", re.I),
    re.compile("太少.{0,12}(無法|不能|難以|不足以|看不出|沒有算)|不足以(判斷|下結論)"),
)


def figures(counts: Sequence[tuple[str, str | None, int]], labels: Sequence[str] = LABELS) -> dict[str, Any]:
    """What an evaluation writes of so many rows of each (gold, answered)."""
    return dict(
        measure_answers(
            "label",
            [Answered(gold, answer, answer or "?") for gold, answer, count in counts for _ in range(count)],
            list(labels),
            None,
        )
    )


@pytest.mark.parametrize(("rows", "least", "most"), [(30, 0.80, 0.95), (100, 0.93, 0.98), (500, 0.985, 0.996)])
def test_all_right_is_not_certain(rows: int, least: float, most: float) -> None:
    """Of n rows all right, 95 % leaves about 3.7/n below by Wilson: .886 at 30, .963 at 100, .992 at 500."""
    found = figures([(label, label, rows // 3) for label in LABELS])
    for name in ("accuracy", "macro_f1", "weighted_f1"):
        assert found["metrics"][name]["value"] == 1.0 and found["metrics"][name]["high"] == 1.0
        assert least < found["metrics"][name]["low"] < most, (name, found["metrics"][name])
    for label in LABELS:
        low, high = found["per_class"][label]["intervals"]["f1"]
        assert low < most and high == 1.0


def test_all_wrong_is_not_certain_either() -> None:
    found = figures([("positive", "neutral", 15), ("neutral", "positive", 15)], LABELS[:2])
    assert found["metrics"]["accuracy"]["value"] == 0.0 == found["metrics"]["accuracy"]["low"]
    assert 0.05 < found["metrics"]["accuracy"]["high"] < 0.2


def test_no_invalid_answer_in_thirty_is_not_none_for_ever() -> None:
    found = figures([(label, label, 10) for label in LABELS])
    assert found["metrics"]["invalid_rate"]["low"] == 0.0 and 0.05 < found["metrics"]["invalid_rate"]["high"] < 0.2


def test_a_share_has_wilsons_interval() -> None:
    from scipy.stats import binomtest

    found = figures([("positive", "positive", 24), ("positive", "neutral", 6)], LABELS[:2])["metrics"]["accuracy"]
    wilson = binomtest(24, 30).proportion_ci(0.95, "wilson")
    assert (found["low"], found["high"]) == (pytest.approx(wilson.low, abs=2e-3), pytest.approx(wilson.high, abs=2e-3))


def test_an_interval_holds_its_value_and_stays_between_nothing_and_all() -> None:
    for counts in (
        [("positive", "positive", 29), ("positive", "neutral", 1)],
        [("positive", "positive", 1)],
        [("positive", "neutral", 29), ("neutral", "neutral", 1)],
        [("positive", None, 7)],
    ):
        found = figures(counts)
        for name, figure in found["metrics"].items():
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1, (name, figure)


def test_the_same_answers_in_another_order_have_the_same_figures() -> None:
    counts = [
        ("positive", "positive", 20),
        ("neutral", "positive", 5),
        ("neutral", "neutral", 15),
        ("negative", None, 6),
    ]
    one, other = figures(counts), figures(counts[::-1])
    for name, figure in one["metrics"].items():
        assert other["metrics"][name]["value"] == figure["value"]
        assert other["metrics"][name]["low"] == pytest.approx(figure["low"], abs=0.02)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_label_of_few_rows_has_counts_and_no_interval(count: int) -> None:
    found = figures([("positive", "positive", 30), ("neutral", "neutral", 30), ("negative", "negative", count)])
    rare = found["per_class"]["negative"]
    assert rare["support"] == count and not rare.get("intervals", {}).get("f1"), rare
    assert all(found["per_class"][label]["intervals"]["f1"] for label in LABELS[:2])


def test_a_label_of_six_rows_has_its_interval() -> None:
    found = figures([("positive", "positive", 30), ("neutral", "neutral", 30), ("negative", "neutral", 6)])
    low, high = found["per_class"]["negative"]["intervals"]["f1"]
    assert low == 0.0 and high < 1


def test_the_report_counts_a_label_of_few_rows_and_says_how_macro_f1_left_it_out(task: Make) -> None:
    folder = make_trained(task())
    rows = [*rows_of(LABELS[:2], 60), *rows_of(LABELS[2:], 3, "rare {}".format)]
    path, page = report(
        folder, record_evaluation(folder, rows, lambda at, row: str(row["label"]) if at != 60 else "neutral")
    )
    assert TOO_FEW_EN.search(page.english) and TOO_FEW_ZH.search(page.chinese)
    assert re.search(r"2 (of|/) 3", page.english), "right of all, as counts"
    # Where macro-F1 is told, the label that it leaves out is named beside it.
    out_en, out_zh = r"(without|left out|leaves? out|not counted)", "(不計|未計|略過|排除|不含|沒有算|不列入|未列入)"
    assert re.search(rf"{out_en}[^.]{{0,80}}negative|negative[^.]{{0,60}}{out_en}", page.english, re.I), path
    assert re.search(f"{out_zh}[^。]{{0,30}}negative|negative[^。]{{0,40}}{out_zh}", page.chinese)


def test_a_label_keeps_its_place_in_every_draw() -> None:
    """Three rows all wrong fall out of one draw in twenty; macro-F1 must not become that of the rest for it.

    Either it is the mean over both labels in every draw, so that a perfect score is out of reach, or over the one that has
    rows enough, in its value as in its interval.
    """
    found = figures([("positive", "positive", 40), ("neutral", "positive", 3)], LABELS[:2])["metrics"]["macro_f1"]
    assert found["high"] < 0.75 or found["value"] > 0.9, found


def test_a_label_without_rows_in_the_benchmark_is_named_not_scored(task: Make) -> None:
    folder = make_trained(task())
    rows = rows_of(LABELS[:2], 60)
    record = record_evaluation(folder, rows, lambda at, row: str(row["label"]))
    _, page = report(folder, record)
    assert record.metrics["macro_f1"].value == 1.0 and (record.metrics["macro_f1"].low or 0) < 1.0
    assert TOO_FEW_EN.search(page.english) or re.search("no rows? of .?negative|negative.{0,20}no rows", page.english)
