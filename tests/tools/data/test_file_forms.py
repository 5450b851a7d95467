"""Files that are packed, Excel workbooks, folders and patterns."""

from __future__ import annotations

import datetime
import gzip
import io
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
import pytest
import zstandard

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation.files import dump_jsonl, write_yaml
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.data.conftest import Rows, sentences
from tests.tools.data.test_file import ROWS, as_csv, read, refusal, write


def pack_content(content: bytes, ending: str) -> bytes:
    return gzip.compress(content) if ending == "gz" else zstandard.ZstdCompressor().compress(content)


def workbook(path: Path, *sheets: tuple[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("ending", ["gz", "zst"])
@pytest.mark.parametrize(
    ("name", "encoding"),
    [("a.csv", "utf-8"), ("a.csv", "cp950"), ("a.jsonl", "utf-8"), ("a.json", "utf-8"), ("a.tsv", "utf-8")],
)
def test_packed_files_are_read_like_plain_ones(tmp_path: Path, ending: str, name: str, encoding: str) -> None:
    text = {
        "a.csv": as_csv(ROWS),
        "a.tsv": as_csv(ROWS, "\t"),
        "a.jsonl": dump_jsonl(ROWS).decode(),
        "a.json": "[" + ",".join(dump_jsonl(ROWS).decode().splitlines()) + "]",
    }[name]

    assert read(write(tmp_path / f"{name}.{ending}", pack_content(text.encode(encoding), ending))) == ROWS


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_packed_file_that_is_cut_off_is_told(tmp_path: Path, ending: str) -> None:
    whole = pack_content(as_csv(sentences(5000)).encode(), ending)

    assert "damaged" in refusal(write(tmp_path / f"a.csv.{ending}", whole[: len(whole) // 2])).problem.en
    assert "damaged" in refusal(write(tmp_path / f"b.csv.{ending}", b"no such stream" * 20)).problem.en


def test_a_sheet_of_a_workbook_is_read(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [],
        ["text", "label", None],
        [" 營收創新高 ", "正面", datetime.datetime(2026, 1, 5)],
        [None, None, None],
        ["獲利下滑", 1.0, None],
    ]
    path = workbook(tmp_path / "a.xlsx", ("資料", rows), ("其他", [["x"], ["y"]]))

    assert read(path) == [
        {"text": " 營收創新高 ", "label": "正面", "column_3": datetime.date(2026, 1, 5)},
        {"text": "獲利下滑", "label": 1, "column_3": None},
    ]
    assert read(path, sheet="其他") == [{"x": "y"}]
    error = refusal(path, sheet="沒有")
    assert "“資料”, “其他”" in error.fix.en and error.field == "sources[0].sheet"


@pytest.mark.parametrize("content", [b"\xd0\xcf\x11\xe0 old workbook" * 50, b"PK\x03\x04 broken", b"text,label\n"])
def test_what_is_no_workbook_is_told(tmp_path: Path, content: bytes) -> None:
    assert ".xlsx" in refusal(write(tmp_path / "a.xlsx", content)).problem.en


def test_a_zip_that_holds_no_workbook_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert ".xlsx" in refusal(tmp_path / "a.xlsx").problem.en


def in_files(folder: Path, rows: Rows) -> None:
    folder.mkdir()
    (folder / "inner").mkdir()
    write(folder / "b.csv", as_csv(rows[:20]))
    write(folder / "inner" / "a.jsonl.gz", gzip.compress(dump_jsonl(rows[20:40])))
    workbook(folder / "c.xlsx", ("一", [list(rows[0]), *(list(row.values()) for row in rows[40:])]))
    write(folder / "notes.md", "not data")
    write(folder / "~$c.xlsx", "a lock of Excel")
    write(folder / ".hidden.csv", "x\n1\n")


def test_a_folder_is_all_its_files(tmp_path: Path, task: TaskFolder, prepare: Any) -> None:
    in_files(tmp_path / "data", sentences(60))
    rows = read(tmp_path / "data")

    assert [row["file"] for row in rows[::20]] == ["b.csv", "c.xlsx", "inner/a.jsonl.gz"]
    assert {row["text"] for row in rows} == {row["text"] for row in sentences(60)}
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": str(tmp_path / "data")}]})
    assert sum(prepare()["counts"].values()) == 60


def test_a_pattern_is_the_files_it_fits(tmp_path: Path) -> None:
    in_files(tmp_path / "data", sentences(60))

    assert {row["file"] for row in read(tmp_path / "data" / "*.csv")} == {"b.csv"}
    assert {row["file"] for row in read(tmp_path / "data" / "**" / "*.gz")} == {"a.jsonl.gz"}
    assert "No file" in refusal(tmp_path / "data" / "*.parquet").problem.en


def test_a_folder_without_data_is_told(tmp_path: Path) -> None:
    write(tmp_path / "notes.md", "nothing")

    assert ".csv" in refusal(tmp_path).fix.en


def test_a_packed_file_streams(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        for number in range(40_000):
            file.write(('{"text": "' + "長" * 300 + f'{number}"}}\n').encode())
    path = write(tmp_path / "a.jsonl.gz", buffer.getvalue())
    from nlp_skills.resources.data_source import Source
    from nlp_skills.tools.data.source import source_kind

    source = source_kind(Source.model_validate({"type": "file", "path": str(path)}), 0)
    tracemalloc.start()
    try:
        rows = sum(len(batch) for batch in source.batches(tmp_path, "sources[0]"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == 40_000 and peak < 12 << 20


def zip_file(path: Path, **parts: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return path


def test_a_workbook_that_is_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = zip_file(tmp_path / "a.xlsx", xl__sharedStrings_xml=b" " * (80 << 20))
    tracemalloc.start()
    try:
        error = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert "unpacks to 80 MB" in error.problem.en and "CSV UTF-8" in error.fix.en and peak < 8 << 20


def test_entities_that_multiply_in_a_workbook_are_not_followed(tmp_path: Path) -> None:
    sound = workbook(tmp_path / "sound.xlsx", ("一", [["text", "label"], ["好", "正面"]]))
    names = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)).encode()
    with zipfile.ZipFile(sound) as read_from, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as written:
        for part in read_from.namelist():
            content = read_from.read(part)
            if part.endswith("sheet1.xml"):
                content = (
                    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">'
                    + names
                    + b"]>"
                    + content.replace(b"&#22909;", b"&a9;")
                )
            written.writestr(part, content)
    began = time.process_time()

    assert ".xlsx" in refusal(tmp_path / "a.xlsx").problem.en and time.process_time() - began < 5


def rewritten(sound: Path, change: Any) -> Path:
    """The workbook with the XML of its first sheet changed."""
    other = sound.with_name("a.xlsx")
    with zipfile.ZipFile(sound) as read_from, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as written:
        for part in read_from.namelist():
            content = read_from.read(part)
            written.writestr(part, change(content) if part.endswith("sheet1.xml") else content)
    return other


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (b"<row><c/></row>" * 1_048_577, "more than 1,048,576 rows"),
        (b"<x:row xmlns:x='u'/><!-- <row -->" * 1_048_577, "more than 1,048,576 rows"),
        (
            b"<row r='9'>" + b"<c t='inlineStr'><is><t>long</t></is></c>" * 250_000 + b"</row>",
            "a row of more than 8 MB",
        ),
        (b'<row r="3000000"><c r="A3000000"><v>1</v></c></row>', "more than 1,048,576 rows"),
    ],
    ids=["rows", "prefixed", "cells", "gap"],
)
def test_a_sheet_that_no_excel_could_have_written_is_refused_before_it_is_built(
    tmp_path: Path, inside: bytes, said: str
) -> None:
    sound = workbook(tmp_path / "sound.xlsx", ("一", [["text", "label"], ["好", "正面"]]))
    error = refusal(rewritten(sound, lambda content: content.replace(b"</sheetData>", inside + b"</sheetData>")))
    assert said in error.problem.en and "CSV UTF-8" in error.fix.en


def test_what_stands_below_the_rows_of_a_sheet_is_no_row(tmp_path: Path) -> None:
    sound = workbook(tmp_path / "sound.xlsx", ("一", [["text", "label"], ["好", "正面"]]))
    below = b"</sheetData><!--" + bytes(range(33, 45)) * 800_000 + b"-->"
    assert read(rewritten(sound, lambda content: content.replace(b"</sheetData>", below))) == [
        {"text": "好", "label": "正面"}
    ]


def test_a_sheet_that_claims_to_be_endless_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    sound = workbook(tmp_path / "sound.xlsx", ("一", [["text", "label"], ["好", "正面"], ["壞", "負面"]]))
    with zipfile.ZipFile(sound) as read_from, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as written:
        for part in read_from.namelist():
            content = read_from.read(part)
            written.writestr(part, content.replace(b'ref="A1:B3"', b'ref="A1:XFD1048576"'))
    began = time.process_time()

    assert read(tmp_path / "a.xlsx") == [{"text": "好", "label": "正面"}, {"text": "壞", "label": "負面"}]
    assert time.process_time() - began < 2


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_a_packed_line_without_end_is_not_held(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a.jsonl.{ending}", pack_content(b'{"text": "' + b"x" * (200 << 20), ending))
    tracemalloc.start()
    try:
        error = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert "longer than 8 million" in error.problem.en and peak < 80 << 20


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_header_that_stands_once_more_is_no_row(tmp_path: Path, name: str) -> None:
    rows = [["text", "label"], ["好", "正面"], ["text", "label"], ["壞", "負面"], ["label", "負面"]]
    path = (
        workbook(tmp_path / name, ("一", rows))
        if name.endswith("xlsx")
        else write(tmp_path / name, "\n".join(map(",".join, rows)).encode())
    )

    assert read(path) == [
        {"text": "好", "label": "正面"},
        {"text": "壞", "label": "負面"},
        {"text": "label", "label": "負面"},
    ]


def read_with_notes(path: Path, **settings: Any) -> tuple[list[dict[str, Any]], list[Text], list[Text]]:
    """The rows, what is noted of how they are read, and what is said to be missing."""
    watch = Watch()
    kind = source_kind(Source.model_validate({"type": "file", "path": str(path), **settings}), 0)
    rows = [row for batch in kind.batches(path.parent, "sources[0]", watch) for row in batch]
    return rows, watch.notes, [Text(**said) for said in watch.provenance.get("incomplete", ())]


def test_sheets_of_the_same_columns_that_are_not_read_are_missing(tmp_path: Path) -> None:
    head, one, two = ["text", "label"], ["好", "正面"], ["壞", "負面"]
    path = workbook(
        tmp_path / "a.xlsx", ("1月", [head, one]), ("2月", [head, two]), ("圖例", [["代號", "意思"], ["1", "好"]])
    )
    rows, notes, missing = read_with_notes(path)

    assert len(rows) == 1 and "「2月」" in missing[0].zh and "圖例" not in missing[0].zh and "「圖例」" in notes[0].zh
    assert read_with_notes(path, sheet="2月") == ([{"text": "壞", "label": "負面"}], [], [])


def test_hidden_rows_and_sheets_are_told(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        ("一", [["text", "label"], ["好", "正面"], ["壞", "負面"]]),
        ("舊", [["text", "label"], ["舊", "正面"]]),
    )
    book = openpyxl.load_workbook(path)
    book["一"].row_dimensions[3].hidden = book["一"].row_dimensions[9].hidden = True
    book["舊"].sheet_state = "hidden"
    book.save(path)
    rows, notes, missing = read_with_notes(path)

    assert len(rows) == 2 and "有 1 列被隱藏" in notes[0].zh and "「舊」" in missing[0].zh


def test_a_day_of_excel_is_written_without_a_time(tmp_path: Path) -> None:
    day = datetime.datetime(2026, 3, 1)
    path = workbook(tmp_path / "a.xlsx", ("一", [["text", "on"], ["a", day], ["b", day.replace(hour=9)]]))
    assert [row["on"] for row in read(path)] == [datetime.date(2026, 3, 1), datetime.datetime(2026, 3, 1, 9)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("crm.db", "sqlite:///"),
        ("a.docx", "a document"),
        ("a.zip", "Unpack"),
        ("a.xls", "save it as .xlsx"),
        ("a.dat", "format: csv"),
    ],
)
def test_a_file_of_another_kind_is_told_what_to_do_with(tmp_path: Path, name: str, said: str) -> None:
    assert said in refusal(write(tmp_path / name, b"PK")).fix.en
