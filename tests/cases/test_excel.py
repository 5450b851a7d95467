"""Excel as offices have it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
import pytest

from tests.cases.conftest import Office, Rows, Told
from tests.cases.writers import SENTENCES, write_rows

pytestmark = pytest.mark.anyio
LANGUAGES = ("en", "zh-TW")
HEADERS = {"en": ("text", "label"), "zh-TW": ("客戶意見", "分類")}
WORDS = {
    "en": {
        "title": "Complaints of March 2026",
        "by": "made by: service desk",
        "group": "What they wrote",
        "more": "Notes",
    },
    "zh-TW": {"title": "一一五年三月客訴彙整表", "by": "製表人：客服課", "group": "客戶反映內容", "more": "備註"},
}
Fill = Callable[[Any, Any, str, Rows], None]


def book(office: Office, language: str, fill: Fill, count: int = 40) -> tuple[Path, Rows]:
    """A file that `fill` wrote, and the rows it holds."""
    workbook, rows = openpyxl.Workbook(), write_rows(language, count)
    sheet = workbook.active
    fill(workbook, sheet, language, rows)
    path = office.inbox / "mails.xlsx"
    workbook.save(path)
    return path, rows


def plain(_: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.append(HEADERS[language])
    for row in rows:
        sheet.append([row["text"], row["label"]])


def title_rows(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.append([WORDS[language]["title"]])
    sheet.append([WORDS[language]["by"], None, date(2026, 4, 1)])
    sheet.append([])
    sheet.merge_cells("A1:B1")
    plain(workbook, sheet, language, rows)


def two_header_rows(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.append([WORDS[language]["group"], None, WORDS[language]["more"]])
    sheet.merge_cells("A1:B1")
    plain(workbook, sheet, language, rows)


def blank_first_column(_: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.append([None, *HEADERS[language]])
    for row in rows:
        sheet.append([None, row["text"], row["label"]])


def merged_labels(_: Any, sheet: Any, language: str, rows: Rows) -> None:
    """Four rows share one label cell, which is how a table is made to look good."""
    labels = SENTENCES[language][0]
    sheet.append([*HEADERS[language][::-1], "no"])
    for number, row in enumerate(rows):
        row["label"] = labels[number // 4 % 2]
        sheet.append([row["label"] if number % 4 == 0 else None, row["text"], number])
    for first in range(2, len(rows) + 2, 4):
        sheet.merge_cells(start_row=first, end_row=first + 3, start_column=1, end_column=1)


def merged_across(_: Any, sheet: Any, language: str, rows: Rows) -> None:
    text, label = HEADERS[language]
    sheet.append([text, None, None, label])
    for row in rows:
        sheet.append([row["text"], None, None, row["label"]])
    for number in range(1, len(rows) + 2):
        sheet.merge_cells(start_row=number, end_row=number, start_column=1, end_column=3)


def trailing_empty_rows(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
    plain(workbook, sheet, language, rows)
    for number in range(len(rows) + 2, len(rows) + 300):
        sheet.cell(number, 1).fill = openpyxl.styles.PatternFill("solid", fgColor="FFFF00")
        sheet.cell(number, 2).value = "" if number % 2 else None


def full_width_headers(_: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.append(["Ｔｅｘｔ", " Ｌａｂｅｌ　"])
    for row in rows:
        sheet.append([row["text"], row["label"]])


def data_in_the_second_sheet(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.title = WORDS[language]["more"]
    sheet.append([WORDS[language]["title"]])
    sheet.append([WORDS[language]["by"]])
    plain(workbook, workbook.create_sheet("Data 3"), language, rows)


def a_hidden_sheet_before_it(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.append(HEADERS[language])
    sheet.append(["hidden and old", SENTENCES[language][0][0]])
    sheet.sheet_state = "hidden"
    plain(workbook, workbook.create_sheet("Data 3"), language, rows)
    workbook.active = 1


def dates_and_numbers_beside_it(_: Any, sheet: Any, language: str, rows: Rows) -> None:
    sheet.append(["date", "00 no", *HEADERS[language], "amount"])
    for number, row in enumerate(rows):
        sheet.append([date(2026, 3, 1 + number % 28), f"00{number}", row["text"], row["label"], 1234.5])


EVERY: dict[str, Fill] = {
    fill.__name__: fill
    for fill in (
        plain,
        title_rows,
        two_header_rows,
        blank_first_column,
        merged_labels,
        merged_across,
        trailing_empty_rows,
        full_width_headers,
        data_in_the_second_sheet,
        a_hidden_sheet_before_it,
        dates_and_numbers_beside_it,
    )
}


async def connect_file(office: Office, language: str, path: Path, **fields: Any) -> Told:
    """The preview, after the person has said which of the columns shown are meant."""
    told = await office.connect(path, **fields)
    if told.refused or not told.preview["missing"]:
        return told
    meant = {
        ours: next((column for column in told.preview["columns"] if theirs in column), theirs)
        for ours, theirs in zip(("text", "label"), HEADERS[language], strict=True)
    }
    return await office.connect(path, mapping=meant, **fields)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fill", EVERY)
async def test_all_its_rows_are_read_with_their_labels(office: Office, language: str, fill: str) -> None:
    path, rows = book(office, language, EVERY[fill])
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    told = await connect_file(office, language, path)
    assert not told.refused, told.message
    if told.next_tool == "set_data_source" and "Data 3" in told.everything:  # asked which sheet it is
        told = await connect_file(office, language, path, sheet="Data 3")
    prepared = await office.prepare()
    assert not prepared.refused, prepared.message
    assert {(row["text"], row["label"]) for row in office.rows()} == {(row["text"], row["label"]) for row in rows}
    assert len(office.rows()) == len(rows)


@pytest.mark.parametrize(("language", "said"), [("en", r"\b4\b"), ("zh-TW", r"第 ?4 ?列")])
async def test_where_the_header_was_found_is_said(office: Office, language: str, said: str) -> None:
    path, _ = book(office, language, title_rows)
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    told = await connect_file(office, language, path)
    assert re.search(said, told.message)
    assert told.preview["columns"][:2] == list(HEADERS[language])


@pytest.mark.parametrize(("language", "said"), [("en", "merged"), ("zh-TW", "合併")])
async def test_that_merged_cells_were_filled_down_is_said(office: Office, language: str, said: str) -> None:
    path, _ = book(office, language, merged_labels)
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    told = await connect_file(office, language, path)
    assert said in told.message + (await office.prepare()).message


@pytest.mark.parametrize("language", LANGUAGES)
async def test_other_sheets_are_named(office: Office, language: str) -> None:
    def two_years(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
        sheet.title = "Year 2025"
        plain(workbook, sheet, language, rows)
        plain(workbook, workbook.create_sheet("Year 2026"), language, rows)

    path, _ = book(office, language, two_years)
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    told = await connect_file(office, language, path)
    assert "Year 2026" in told.message


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_sheet_that_is_not_there_is_answered_with_those_that_are(office: Office, language: str) -> None:
    path, _ = book(office, language, data_in_the_second_sheet)
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    told = await office.connect(path, sheet="Data 2")
    assert told.refused and "Data 3" in told.message


def with_formulas(_: Any, sheet: Any, language: str, rows: Rows) -> None:
    first, second = SENTENCES[language][0]
    sheet.append([HEADERS[language][0], "score", HEADERS[language][1]])
    for number, row in enumerate(rows, start=2):
        row["label"] = (first, second)[number % 2]
        sheet.append([row["text"], number % 2, f'=IF(B{number}=0,"{first}","{second}")'])


def write_calculated(path: Path, rows: Rows, numbers: range) -> None:
    """Put values behind the formulas of those rows, as Excel does when it saves."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    for number in numbers:
        sheet = re.sub(
            rf'<c r="C{number}"([^>]*)>(<f>.*?</f>)<v ?/?>(</v>)?</c>',
            lambda found: (
                f'<c r="{found[0].split(chr(34))[1]}" t="str">{found[2]}<v>{rows[int(found[0].split(chr(34))[1][1:]) - 2]["label"]}</v></c>'
            ),
            sheet,
        )
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_formula_with_a_value_is_its_value(office: Office, language: str) -> None:
    path, rows = book(office, language, with_formulas)
    write_calculated(path, rows, range(2, 42))
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    await connect_file(office, language, path)
    told = await office.prepare()
    assert not told.refused, told.message
    read = office.rows()
    assert {(row["text"], row["label"]) for row in read} == {(row["text"], row["label"]) for row in rows}


@pytest.mark.parametrize(("language", "said"), [("en", "formula"), ("zh-TW", "公式")])
async def test_formulas_without_a_value_are_counted_with_their_rows(office: Office, language: str, said: str) -> None:
    path, rows = book(office, language, with_formulas)
    write_calculated(path, rows, range(2, 32))
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    told = await connect_file(office, language, path)
    prepared = await office.prepare()
    assert said in told.message + prepared.message
    assert "10" in prepared.message and re.search(r"\b32\b", prepared.everything)
    assert prepared.refused or len(office.rows()) == 30


@pytest.mark.parametrize("language", LANGUAGES)
async def test_error_values_are_no_labels(office: Office, language: str) -> None:
    def with_errors(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
        plain(workbook, sheet, language, rows)
        for number in range(2, 7):
            sheet.cell(number, 2).value = "#N/A"

    path, _ = book(office, language, with_errors)
    await office.begin(language=language, labels=list(SENTENCES[language][0]))
    told = await connect_file(office, language, path)
    prepared = await office.prepare()
    assert "#N/A" in told.message + prepared.message
    assert not any(row["label"] == "#N/A" for row in office.rows())


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("one_x000D_\ntwo", "one\ntwo"),
        ("one_x000d_\ntwo", "one\ntwo"),
        ("see _x005F_x000D_ there", "see _x000D_ there"),
        ("a_x0041_b", "aAb"),
    ],
)
async def test_escapes_of_the_format_are_undone(office: Office, cell: str, text: str) -> None:
    def write_escaped(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
        sheet.append(HEADERS[language])
        for number, row in enumerate(rows):
            sheet.append([f"Mail {number}: {cell}", row["label"]])

    path, _ = book(office, "en", write_escaped)
    await office.begin(labels=list(SENTENCES["en"][0]))
    told = await office.connect(path)
    assert told.preview["rows"][1]["text"].replace("\r\n", "\n") == f"Mail 1: {text}"


@pytest.mark.parametrize("written_as", [1, 1.0, "1", " 1"])
async def test_a_number_is_the_same_label_as_number_and_as_text(office: Office, written_as: Any) -> None:
    def write_numbered(workbook: Any, sheet: Any, language: str, rows: Rows) -> None:
        sheet.append(HEADERS[language])
        for number, row in enumerate(rows):
            sheet.append([row["text"], 0 if number % 2 else written_as if number % 4 else 1])

    path, rows = book(office, "en", write_numbered)
    await office.begin(labels=["good", "bad"])
    read = await office.prepare_rows(path, label_values={"1": "good", "0": "bad"})
    expected = {row["text"]: "bad" if number % 2 else "good" for number, row in enumerate(rows)}
    assert {row["text"]: row["label"] for row in read} == expected
