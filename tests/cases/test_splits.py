"""Splits that a data set brings along, labels that are rare, time and groups; and fields that nobody knows."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from tests.cases.conftest import Office, Rows, dump_csv, dump_lines, invent_words, texts

pytestmark = pytest.mark.anyio
LABELS = ["ask", "thank", "warn"]


def rows_of(count: int, begin: int = 0, labels: list[str] = LABELS) -> Rows:
    return [
        {"text": f"Note {number} on {invent_words(number, 6)}", "label": labels[number % len(labels)]}
        for number in range(begin, begin + count)
    ]


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("split", ("train", "validation", "test")),
        ("subset", ("train", "val", "test")),
        ("set", ("TRAIN", "DEV", "TEST")),
        ("fold", ("train", "dev", "test")),
        ("Split", ("training", "valid", "testing")),
        ("資料集", ("訓練", "驗證", "測試")),
    ],
)
async def test_a_column_that_says_the_split_is_kept_to(
    office: Office, column: str, names: tuple[str, str, str]
) -> None:
    train, valid, test = rows_of(60), rows_of(15, 60), rows_of(15, 75)
    for part, name in zip((train, valid, test), names, strict=True):
        for row in part:
            row[column] = name
    await office.begin(labels=LABELS)
    told = await office.connect(office.put("notes.jsonl", dump_lines([*test, *train, *valid])))
    if not told.goes_on:
        assert column in told.message
        return
    told = await office.prepare()
    assert not told.refused, told.message
    assert texts(office.rows("test")) == texts(test) and texts(office.rows("train")) == texts(train)
    assert texts(office.rows("valid")) == texts(valid)


@pytest.mark.parametrize(
    "names",
    [
        ("train.csv", "dev.csv", "test.csv"),
        ("train.csv", "validation.csv", "test.csv"),
        ("train.tsv", "val.tsv", "test.tsv"),
        ("訓練.csv", "驗證.csv", "測試.csv"),
        ("mails-train.csv", "mails-valid.csv", "mails-test.csv"),
    ],
)
async def test_files_that_are_named_by_the_split_are_kept_to(office: Office, names: tuple[str, str, str]) -> None:
    parts = rows_of(60), rows_of(15, 60), rows_of(15, 75)
    for name, part in zip(names, parts, strict=True):
        office.put(f"notes/{name}", dump_csv(part, "\t" if name.endswith("tsv") else ","))
    await office.begin(labels=LABELS)
    told = await office.connect(office.inbox / "notes")
    if not told.goes_on:
        assert names[2] in told.message
        return
    told = await office.prepare()
    assert not told.refused, told.message
    assert [texts(office.rows(split)) for split in ("train", "valid", "test")] == [texts(part) for part in parts]


async def test_where_they_have_no_validation_rows_these_come_from_train(office: Office) -> None:
    train, test = rows_of(60), rows_of(15, 60)
    office.put("notes/train.csv", dump_csv(train))
    office.put("notes/test.csv", dump_csv(test))
    await office.begin(labels=LABELS)
    told = await office.connect(office.inbox / "notes")
    if not told.goes_on:
        assert "test.csv" in told.message
        return
    told = await office.prepare()
    assert not told.refused, told.message
    assert texts(office.rows("test")) == texts(test)
    assert 0 < len(office.rows("valid")) < 30 and texts(office.rows("train", "valid")) == texts(train)


async def test_a_row_on_both_sides_of_their_split_is_told_and_stays_a_test_row(office: Office) -> None:
    train, test = rows_of(60), rows_of(15, 60)
    office.put("notes/train.csv", dump_csv([*train, *test[:4]]))
    office.put("notes/test.csv", dump_csv(test))
    await office.begin(labels=LABELS)
    told = await office.connect(office.inbox / "notes")
    prepared = await office.prepare()
    if not office.rows("test"):
        assert "test.csv" in told.message or prepared.refused
        return
    assert not texts(test) & texts(office.rows("train", "valid")) and texts(office.rows("test")) == texts(test)
    assert re.search(r"\b4\b", prepared.message + str(prepared.result))


@pytest.mark.parametrize("each", [4, 2])
async def test_labels_of_few_rows_are_tested_where_they_can_be(office: Office, each: int) -> None:
    labels = [f"topic{number}" for number in range(100)]
    await office.begin(labels=labels)
    rows = await office.prepare_rows(office.put("notes.jsonl", dump_lines(rows_of(100 * each, labels=labels))))
    assert len(rows) == 100 * each
    tested = {row["label"] for row in office.rows("test")}
    assert len(tested) >= 12 * each and len({row["label"] for row in office.rows("train")}) >= 95


async def test_labels_of_one_row_are_told_and_stop_nothing_else(office: Office) -> None:
    labels = [f"topic{number}" for number in range(40)]
    rows = [*rows_of(40, labels=labels), *rows_of(120, 40, ["often", "also"])]
    await office.begin(labels=[*labels, "often", "also"])
    told = await office.connect(office.put("notes.jsonl", dump_lines(rows)))
    told = await office.prepare()
    assert not told.refused, told.message
    assert {row["label"] for row in office.rows("test")} >= {"often", "also"}
    assert re.search(r"\b40\b", told.message) or all(label in told.message for label in labels)


async def test_rare_labels_among_frequent_ones_are_tested_too(office: Office) -> None:
    rare = [f"topic{number}" for number in range(20)]
    rows = [*rows_of(180), *rows_of(80, 180, rare)]
    await office.begin(labels=[*LABELS, *rare])
    await office.prepare_rows(office.put("notes.jsonl", dump_lines(rows)))
    tested = Counter(row["label"] for row in office.rows("test"))
    assert set(tested) == {*LABELS, *rare} and all(tested[label] >= 3 for label in LABELS)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y/%m/%d %H:%M", "%d.%m.%Y"])
async def test_a_time_split_tests_the_newest_rows(office: Office, form: str) -> None:
    from datetime import date, timedelta

    rows = rows_of(100)
    days = [date(2026, 1, 1) + timedelta(days=number * 37 % 300) for number in range(100)]
    for row, day in zip(rows, days, strict=True):
        row["written"] = day.strftime(form)
    await office.begin(labels=LABELS)
    told = await office.connect(office.put("notes.jsonl", dump_lines(rows)), split={"time": "written"})
    assert not told.refused, told.message
    told = await office.prepare()
    assert not told.refused, told.message
    day_of = dict(zip((row["text"] for row in rows), days, strict=True))
    last = {split: [day_of[row["text"]] for row in office.rows(split)] for split in ("train", "valid", "test")}
    assert max(last["train"]) <= min(last["test"]) and max(last["valid"]) <= min(last["test"])


async def test_a_column_that_settles_the_label_is_proposed_as_groups(office: Office) -> None:
    rows = rows_of(120)
    for number, row in enumerate(rows):
        row["customer"] = f"C{number % 12:03}"
        row["label"] = LABELS[number % 12 % 3]
    await office.begin(labels=LABELS)
    told = await office.connect(office.put("notes.jsonl", dump_lines(rows)))
    prepared = await office.prepare()
    assert "customer" in told.message + prepared.message and "group_by" in told.everything + prepared.everything


async def test_a_group_stays_on_one_side(office: Office) -> None:
    rows = rows_of(120)
    for number, row in enumerate(rows):
        row["customer"] = f"C{number % 24:03}"
    await office.begin(labels=LABELS)
    await office.connect(office.put("notes.jsonl", dump_lines(rows)), split={"group_by": "customer"})
    told = await office.prepare()
    assert not told.refused, told.message
    group = {row["text"]: row["customer"] for row in rows}
    sides = {split: {group[row["text"]] for row in office.rows(split)} for split in ("train", "test")}
    assert sides["train"] and sides["test"] and not sides["train"] & sides["test"]


CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("set_data_source", {"sources": [{"type": "file", "path": "x.csv", "encodng": "gbk"}]}, "encoding"),
    ("set_data_source", {"sources": [{"type": "file", "path": "x.csv", "seperator": ";"}]}, "delimiter"),
    ("set_data_source", {"sources": [{"type": "file", "path": "x.csv", "colour": "red"}]}, "colour"),
    ("set_data_source", {"sources": [{"type": "file", "path": "x.csv", "mapping": {"txt": "body"}}]}, "text"),
    ("set_data_source", {"split": {"trian": 0.7}}, "train"),
    ("set_data_source", {"split": {"groupby": "customer"}}, "group_by"),
    ("set_data_source", {"quality": {"min_character": 3}}, "min_characters"),
    ("update_task", {"changes": {"success_criteria.treshold": 0.8}}, "threshold"),
    ("update_task", {"changes": {"constraints.privcy": "on-premise"}}, "privacy"),
    ("update_task", {"changes": {"gaol": "sort mails"}}, "goal"),
    ("update_task", {"changes": {"nickname": "x"}}, "nickname"),
]


@pytest.mark.parametrize(("tool", "arguments", "said"), CALLS, ids=[f"{tool} {said}" for tool, _, said in CALLS])
async def test_an_unknown_field_in_a_call_is_refused_with_the_nearest(
    office: Office, tool: str, arguments: dict[str, Any], said: str
) -> None:
    await office.begin(labels=LABELS)
    path = office.put("x.csv", dump_csv(rows_of(9)))
    arguments = json.loads(json.dumps(arguments).replace("x.csv", str(path)))
    told = await office(tool, task=office.name, **arguments)
    assert told.refused and said in told.message


@pytest.mark.parametrize(
    ("field", "said"), [("constraints", "privacy"), ("success_criteria", "threshold"), ("more", "affected")]
)
async def test_an_unknown_field_of_a_new_task_is_refused_with_the_nearest(
    office: Office, field: str, said: str
) -> None:
    wrong = {"constraints": {"privcy": "on-premise"}, "success_criteria": {"treshold": 0.8}, "more": {"afected": "us"}}[
        field
    ]
    told = await office(
        "create_task", title="x", name="x", type="classification", language="en", labels=LABELS, **{field: wrong}
    )
    assert told.refused and said in told.message


async def test_an_unknown_setting_of_a_plan_is_refused_with_the_nearest(office: Office) -> None:
    await office.begin(labels=LABELS)
    await office.prepare_rows(office.put("notes.jsonl", dump_lines(rows_of(60))))
    told = await office("plan_training", task=office.name, settings={"epoch": 3})
    assert told.refused and "epochs" in told.message


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("task.yaml", "gaol: sort mails", "goal"),
        ("task.yaml", "constraint: {privacy: on-premise}", "constraints"),
        ("data_source.yaml", "splitt: {train: 0.8}", "split"),
        ("data_source.yaml", "qualty: {min_characters: 3}", "quality"),
    ],
)
async def test_a_near_miss_in_a_file_is_named_as_a_fault(office: Office, file: str, line: str, said: str) -> None:
    await office.begin(labels=LABELS)
    await office.connect(office.put("notes.jsonl", dump_lines(rows_of(60))))
    path = office.folder / file
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    told = await office.prepare()
    assert told.refused and said in told.message and line.split(":")[0] in told.message, told.message


@pytest.mark.parametrize("file", ["task.yaml", "data_source.yaml"])
async def test_another_unknown_field_in_a_file_is_kept_with_a_warning(office: Office, file: str) -> None:
    await office.begin(labels=LABELS)
    await office.connect(office.put("notes.jsonl", dump_lines(rows_of(60))))
    path = office.folder / file
    path.write_text(path.read_text("utf-8") + "cost_centre: K-7700\n", "utf-8")
    told = await office.prepare()
    shown = await office("update_task" if file == "task.yaml" else "set_data_source", task=office.name)
    assert not told.refused and not shown.refused, told.message + shown.message
    assert "cost_centre" in told.everything + str(shown.content.get("warnings", "")) + shown.message
    await office("update_task", task=office.name, changes={"goal": "sort notes"})
    await office("set_data_source", task=office.name, split={"seed": 7})
    assert "K-7700" in path.read_text("utf-8")
