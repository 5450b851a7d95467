"""What validation advises and what it stops, each finding by rows that really show it, from the file to the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.data_source import DataSource
from nlp_skills.resources.foundation.errors import DataError
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.checks import validation_report
from nlp_skills.tools.data.damaged_text import is_damaged
from nlp_skills.tools.data.rules import rules_of
from nlp_skills.tools.data.snapshot import current_snapshot
from tests.tools.data.conftest import Rows, sentences
from tests.tools.data.test_regenerate import refusal, source

Prepare = Callable[..., dict[str, Any]]
ROWS = sentences(120)


def warnings(task: TaskFolder, prepare: Prepare, rows: Rows, **settings: Any) -> dict[str, dict[str, Any]]:
    source(task, rows, **settings)
    prepare()
    return {found.code: found.to_dict() for found in current_snapshot(task).validation.warnings}


def row(text: str, label: str = "正面", entity: str = "公司甲") -> dict[str, str]:
    return {"text": text, "entity": entity, "label": label}


def test_imbalance_is_told_with_its_measure_and_what_to_do(task: TaskFolder, prepare: Prepare) -> None:
    lopsided = [each for number, each in enumerate(ROWS) if each["label"] != "負面" or number % 4 == 2]
    found = warnings(task, prepare, lopsided)["imbalance"]
    said = Text(**found["message"])

    assert "times as many rows as 負面" in said.en and "oversample" in said.en
    assert "「負面」的" in said.zh and "oversample" in said.zh
    assert "imbalance" not in warnings(task, prepare, lopsided, quality={"max_imbalance": 10})
    assert "imbalance" not in warnings(task, prepare, ROWS)


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("too_short", [row("漲", entity="漲")]),
        ("too_long", [row("公司甲" + "長" * 4001)]),
        ("entity_not_in_text", [row("營收創下歷年同期新高。", entity="公司丁")]),
        ("simplified_characters", [row("公司甲营收创下历年同期新高。")]),
        ("personal_mobile", [row("公司甲請洽 0912-345-678 詢問。")]),
        ("personal_landline", [row("公司甲請洽 (02)2345-6789 詢問。")]),
        ("personal_email", [row("公司甲請寄 wang@example.com.tw 詢問。")]),
    ],
)
def test_what_advises_is_told_with_its_number_and_does_not_stop(
    task: TaskFolder, prepare: Prepare, code: str, rows: Rows
) -> None:
    found = warnings(task, prepare, [*ROWS, *rows])

    assert found[code]["count"] == len(rows) and found[code]["message"]["zh"]


@pytest.mark.parametrize("code", ["small_test", "few_rows", "label_without_rows"])
def test_too_little_data_is_told(task: TaskFolder, prepare: Prepare, code: str) -> None:
    rows = [each for each in ROWS[:60] if each["label"] == "正面"] + [
        each for each in ROWS[:24] if each["label"] == "中性"
    ]

    assert code in warnings(task, prepare, rows)


def test_rows_that_all_but_repeat_each_other_are_told_within_and_across_splits(
    task: TaskFolder, prepare: Prepare
) -> None:
    text = "公司甲本季營收創下歷年同期新高，董事會決議發放股利並擴大資本支出，法人普遍看好後續表現{}。"
    alike = [row(text.format(mark)) for mark in "一二三四五六七八九十"]
    found = warnings(task, prepare, [*ROWS, *alike, row(text.format("與否"), "負面")])

    assert found["near_duplicates"]["count"] >= 5 and "near_conflicts" in found
    assert {"near_overlap", "near_benchmark_removed"} & set(found)


@pytest.mark.parametrize(
    ("code", "text"),
    [("personal_id_number", "公司甲聯絡人身分證 A123456789。"), ("personal_card", "公司甲卡號 4111 1111 1111 1111。")],
)
def test_what_identifies_a_person_stops_until_a_reason_is_recorded(
    task: TaskFolder, prepare: Prepare, code: str, text: str
) -> None:
    source(task, [*ROWS, row(text)])
    error = refusal(prepare)

    assert f"accept={{'{code}'" in error.fix.en and text not in json.dumps(error.to_dict(), ensure_ascii=False)
    with pytest.raises(DataError):
        current_snapshot(task)  # nothing trains
    prepare(accept={code: "a made-up number"})
    [accepted] = current_snapshot(task).validation.accepted
    assert accepted.code == code and accepted.decision and accepted.decision.reason == "a made-up number"


def test_a_text_on_both_sides_about_another_entity_is_told(task: TaskFolder) -> None:
    text = "公司甲與公司乙本季營收同創新高。"
    splits = {"train": [{"id": "1", **row(text)}], "test": [{"id": "2", **row(text, entity="公司乙")}]}
    report = validation_report(splits, rules_of(task.load(), DataSource(), None))

    assert "text_overlap" in [found.code for found in report.warnings]


def test_rows_without_a_date_are_told_where_the_split_is_by_time(task: TaskFolder, prepare: Prepare) -> None:
    dated = [
        {**each, "on": "不詳" if number % 20 == 0 else f"2026-01-{number % 28 + 1:02}"}
        for number, each in enumerate(ROWS)
    ]
    found = warnings(task, prepare, dated, split={"time": "on"})

    assert found["without_time"]["count"] == 6 and "「on」" in found["without_time"]["message"]["zh"]
    assert "without_time" not in warnings(task, prepare, dated)


def test_marks_that_stand_for_nothing_are_told(task: TaskFolder, prepare: Prepare) -> None:
    found = warnings(task, prepare, [*ROWS, row("N/A", entity="N/A")])
    assert found["stand_in"]["count"] == 1 and "N/A" in found["stand_in"]["message"]["zh"]
    assert "stand_in" not in warnings(task, prepare, ROWS)


@pytest.mark.parametrize(
    ("text", "damaged"),
    [
        ("公司甲的營收".encode().decode("latin-1"), True),
        ("公司甲的營\ufffd\ufffd", True),
        ("公司甲 donâ€™t", True),
        ("?????????", True),
        ("café au lait, «MENÜ», naïve – 25 €", False),
        ("公司甲的營收創高", False),
        ("really????", False),
        ("???", False),
        ("Ångström", False),
    ],
)
def test_texts_that_were_damaged_before_are_known(text: str, damaged: bool) -> None:
    assert is_damaged(text) is damaged


def test_labels_taken_from_the_data_and_a_single_one_are_told(task: TaskFolder, prepare: Prepare) -> None:
    with task.change() as changed:
        changed.labels = []
    found = warnings(task, prepare, [{**each, "label": "正面"} for each in ROWS])

    assert "正面（120）" in found["labels_found"]["message"]["zh"] and "「正面」" in found["one_label"]["message"]["zh"]
    assert "labels_found" not in warnings(task, prepare, [{**each, "label": "正面"} for each in ROWS])
