"""Labels that are written differently and may mean the same: told before they are learnt as different ones."""

from __future__ import annotations

import pytest

from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.labels_alike import groups_alike, guess_labels, several_in_one
from tests.tools.data.conftest import sentences
from tests.tools.data.test_checks import Prepare, warnings


@pytest.mark.parametrize(
    "labels",
    [
        ["Refund", "refund", "RE-FUND"],
        ["late delivery", "late_delivery"],
        ["退款", "退款。"],
        ["帳務", "账务"],
        ["Ａ１", "a1"],
        ["1", "01", "1.0"],
    ],
)
def test_labels_that_differ_in_writing_alone_are_alike(labels: list[str]) -> None:
    assert groups_alike([*labels, "else"]) == [labels]


@pytest.mark.parametrize(
    "labels",
    [
        ["+", "-"],
        ["+1", "-1"],
        ["正面", "負面"],
        ["1", "10", "0.1"],
        ["A1", "A-1", "A2"],
        ["C", "C++", "C#"],
        ["物流", "物資"],
        ["!", "?"],
        ["1-2", "12"],
    ],
)
def test_labels_that_differ_in_more_are_not(labels: list[str]) -> None:
    assert groups_alike(labels) == []


def test_an_unknown_label_is_put_beside_the_one_it_may_be() -> None:
    assert guess_labels(["Re-fund", "1", "shippment", "何"], ["Refund", "01", "shipment"]) == {
        "Re-fund": "Refund",
        "1": "01",
        "shippment": "shipment",
    }


def test_the_task_hears_of_labels_that_are_alike_first(task: TaskFolder, prepare: Prepare) -> None:
    with task.change() as changed:
        changed.labels = []
    rows = [
        {
            **row,
            "label": "POS."
            if row["label"] == "正面" and number % 2
            else "pos"
            if row["label"] == "正面"
            else row["label"],
        }
        for number, row in enumerate(sentences(120))
    ]
    found = warnings(task, prepare, rows)

    assert next(iter(found)) == "labels_alike"
    assert "POS." in found["labels_alike"]["message"]["zh"] and "label_values" in found["labels_alike"]["message"]["en"]


def test_labels_that_are_several_in_one_cell_are_told_from_those_that_hold_a_sign() -> None:
    assert several_in_one(["物流", "帳務", "物流;帳務", "帳務、帳務", "R&D", "R", "N/A", "物流/其他"]) == [
        "帳務、帳務",
        "物流;帳務",
    ]
