"""Sheets that come back as whatever spreadsheet saved them: the answers are read, the ids are the ones that went out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
import pytest

from nlp_skills.resources.foundation.errors import NlpSkillsError
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.rows import Row, row_id
from nlp_skills.tools.data.synthetic import refused_ids, write_sheet

Cells = list[list[str]]


def digits_alone() -> list[Row]:
    """Written rows of which some have ids that a spreadsheet takes for numbers."""
    rows: list[Row] = [
        {
            "id": row_id(f"第 {number} 句，公司獲利"),
            "text": f"第 {number} 句，公司獲利",
            "entity": "公司",
            "label": "正面",
        }
        for number in range(200)
    ]
    numbers = [
        {**rows[0], "id": f"{number:016d}"}
        for number in range(10**15, 10**15 + 60)
        if int(f"{number:016d}", 16) % 10 == 0
    ]
    return [*rows, *numbers[:2]]


def save_semicolons(path: Path, cells: Cells) -> None:
    path.write_text("\n".join(";".join(f'"{cell}"' for cell in row) for row in cells), encoding="utf-8-sig")


def save_unicode_text(path: Path, cells: Cells) -> None:
    path.with_suffix(".txt").write_bytes("".join("\t".join(row) + "\r\n" for row in cells).encode("utf-16"))
    path.unlink()


def save_in_big5(path: Path, cells: Cells) -> None:
    with path.open("w", encoding="cp950", newline="") as file:
        csv.writer(file).writerows(cells)


def save_workbook(path: Path, cells: Cells) -> None:
    book = openpyxl.Workbook()
    for row in cells:
        book.active.append(row)
    book.save(path.with_suffix(".xlsx"))
    path.unlink()


@pytest.mark.parametrize("save", [save_semicolons, save_unicode_text, save_in_big5, save_workbook])
def test_what_a_person_refuses_is_refused_however_the_sheet_is_saved(
    task: TaskFolder, save: Callable[[Path, Cells], None]
) -> None:
    sheet = write_sheet(task, "0" * 12, digits_alone())
    assert sheet is not None
    cells = list(csv.reader(io.StringIO(sheet.read_text("utf-8-sig"))))
    assert all(row[1].startswith("r") and len(row[1]) == 17 for row in cells[1:])
    for row in cells[1::2]:
        row[0] = "否"
    save(sheet, cells)

    assert refused_ids(task) == {row[1][1:] for row in cells[1::2]} and any(
        one.isdecimal() for one in refused_ids(task)
    )


def test_an_older_sheet_counts_whose_ids_have_no_letter_or_became_numbers(task: TaskFolder) -> None:
    rows = digits_alone()
    sheet = task.data / "review" / "old.csv"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(
        f"keep;id;text;entity;label\nno;{rows[0]['id']};x;;\nno;1,16E+15;{rows[1]['text']};公司;正面\n", "utf-8"
    )

    assert refused_ids(task) == {rows[0]["id"], row_id(rows[1]["text"], "公司")}


def test_a_sheet_that_cannot_be_read_is_told_and_not_taken_for_an_empty_one(task: TaskFolder) -> None:
    (task.data / "review").mkdir(parents=True)
    (task.data / "review" / "lost.csv").write_text("a,b\n1,2\n", "utf-8")

    with pytest.raises(NlpSkillsError, match=r"lost\.csv has no column keep"):
        refused_ids(task)
