"""Rows that cannot be used are the first thing said: how many, why, which, and where to fix them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
import pytest

from tests.cases.conftest import Office, Rows, Told, dump_csv, dump_lines
from tests.cases.writers import SENTENCES, write_rows

pytestmark = pytest.mark.anyio


def mails(language: str, *, without_label: int = 0, without_text: int = 0) -> Rows:
    """60 rows, the last of them spoilt."""
    rows = write_rows(language)
    for row in rows[60 - without_label :]:
        row["label"] = ""
    for row in rows[:without_text]:
        row["text"] = ""
    return rows


def put(office: Office, rows: Rows, format: str) -> Path:
    rows = [{key: cell.replace(",", ";") for key, cell in row.items()} for row in rows]
    if format == "csv":
        return office.put("mails.csv", dump_csv(rows))
    if format == "jsonl":
        return office.put("mails.jsonl", dump_lines(rows))
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "March mails"
    sheet.append(["text", "label"])
    for row in rows:
        sheet.append([row["text"] or None, row["label"] or None])
    workbook.save(office.inbox / "mails.xlsx")
    return office.inbox / "mails.xlsx"


def numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"(?<![\w.])\d+(?![\w.]*\w)", text)}


def files_named(told: Told, office: Office) -> Iterator[Path]:
    """Files of the task's folder that the answer names."""
    for found in re.findall(r"[\w./\-]+\.(?:csv|xlsx|tsv)", told.everything):
        path = Path(found) if found.startswith("/") else office.folder / found
        if path.is_file() and path.is_relative_to(office.folder):
            yield path


def table(path: Path) -> list[list[Any]]:
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path).active
        return [list(row) for row in sheet.iter_rows(values_only=True)]
    return list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx"])
@pytest.mark.parametrize(("language", "words"), [("en", "label"), ("zh-TW", "標籤")])
async def test_they_are_the_first_sentence_with_their_reason(
    office: Office, language: str, words: str, format: str
) -> None:
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    await office.connect(put(office, mails(language, without_label=48), format))
    told = await office.prepare()
    sentence = re.split(r"(?<=[.。])", told.message)[0]
    assert {12, 60} <= numbers(sentence) and 48 in numbers(told.message[:200]) and words in told.message[:200]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_each_kind_of_reason_has_its_count(office: Office, format: str) -> None:
    await office.begin(labels=list(SENTENCES["en"][0]))
    await office.connect(put(office, mails("en", without_label=7, without_text=5), format))
    told = await office.prepare()
    start = told.message[:300]
    assert {48, 60, 7, 5} <= numbers(start) and "text" in start and "label" in start


@pytest.mark.parametrize("privacy", ["open", "on-premise"])
@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_their_own_row_numbers_and_sheet_are_told_and_no_row_on_premise(
    office: Office, format: str, privacy: str
) -> None:
    await office.begin(labels=list(SENTENCES["en"][0]), constraints={"privacy": privacy})
    rows = mails("en")
    for place in (5, 17, 31):  # the header is the file's row 1
        rows[place]["label"] = ""
    await office.connect(put(office, rows, format))
    told = await office.prepare()
    assert {7, 19, 33} <= numbers(told.everything)
    if format == "xlsx":
        assert "March mails" in told.everything
    if privacy == "on-premise":
        assert not any(row["text"][:20] in told.everything for row in rows)


@pytest.mark.parametrize("privacy", ["open", "on-premise"])
@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx"])
async def test_a_file_of_the_rows_to_mend_stands_in_the_task(office: Office, format: str, privacy: str) -> None:
    await office.begin(labels=list(SENTENCES["en"][0]), constraints={"privacy": privacy})
    rows = mails("en", without_label=48)
    await office.connect(put(office, rows, format))
    told = await office.prepare()
    [path] = {path for path in files_named(told, office) if 48 <= len(table(path)) <= 50}
    cells = table(path)
    assert any("60" in map(str, row) or "61" in map(str, row) for row in cells)  # the last row's own number
    assert all(any(row["text"].replace(",", ";") in map(str, cell) for cell in cells) for row in rows[12:])


async def test_rows_of_several_files_are_told_by_file(office: Office) -> None:
    await office.begin(labels=list(SENTENCES["en"][0]))
    rows = mails("en")
    rows[50]["label"] = ""
    rows = [{key: cell.replace(",", ";") for key, cell in row.items()} for row in rows]
    office.put("mails/march.csv", dump_csv(rows[:30]))
    office.put("mails/april.csv", dump_csv(rows[30:]))
    await office.connect(office.inbox / "mails")
    told = await office.prepare()
    assert "april.csv" in told.everything and 22 in numbers(told.everything)


async def test_the_preview_says_it_too(office: Office) -> None:
    await office.begin(labels=list(SENTENCES["en"][0]))
    told = await office.connect(put(office, mails("en", without_label=48), "csv"))
    assert {12, 60} <= numbers(told.message) or {48, 60} <= numbers(told.message)


async def test_they_are_not_duplicates(office: Office) -> None:
    await office.begin(labels=list(SENTENCES["en"][0]))
    await office.connect(put(office, mails("en", without_label=48), "csv"))
    told = await office.prepare()
    assert not re.search("duplicate|distinct", told.message[:200]) and not told.result.get("duplicates_removed")


async def test_where_no_row_is_left_out_nothing_is_said_of_it(office: Office) -> None:
    await office.begin(labels=list(SENTENCES["en"][0]))
    await office.connect(put(office, mails("en"), "csv"))
    told = await office.prepare()
    assert not re.search("left out|can be used|without", told.message)
