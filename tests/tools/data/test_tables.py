"""CSV, TSV, JSON and Excel as offices and programs write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.data.test_file import ROWS, read, refusal, write

HEADED = "text,label\n" + "".join(f"sentence {number},{'ab'[number % 2]}\n" for number in range(9))


def read_with_notes(path: Path, **fields: Any) -> tuple[list[dict[str, Any]], str]:
    watch = Watch()
    source = source_kind(Source.model_validate({"type": "file", "path": str(path), **fields}), 0)
    rows = [record for batch in source.batches(path.parent, "sources[0]", watch) for record in batch]
    assert all(note.zh for note in watch.notes)
    return rows, " ".join(note.en for note in watch.notes) + " ".join(
        one["en"] for one in watch.provenance.get("incomplete", [])
    )


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_the_line_that_names_the_separator_is_no_row(tmp_path: Path, line: str) -> None:
    assert read(write(tmp_path / "a.csv", f"{line}text;label\nwell, yes;good\n")) == [
        {"text": "well, yes", "label": "good"}
    ]


def test_a_table_without_a_header_says_so_and_keeps_its_first_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEADED.partition("\n")[2])
    rows, said = read_with_notes(path)

    assert len(rows) == 9 and rows[0] == {"column_1": "sentence 0", "column_2": "a"} and "column_1 to column_2" in said
    assert len(read_with_notes(path, header=1)[0]) == 8 and list(read_with_notes(path, header=1)[0][0]) == [
        "sentence 0",
        "a",
    ]
    assert len(read(write(tmp_path / "b.csv", HEADED), header=0)) == 10


def test_titles_above_the_header_are_left_out_and_said(tmp_path: Path) -> None:
    rows, said = read_with_notes(write(tmp_path / "a.csv", f"Complaints of May,\n,\n{HEADED}"))

    assert len(rows) == 9 and rows[0] == {"text": "sentence 0", "label": "a"} and "found in row 3" in said


def test_a_quote_between_tabs_is_a_letter_unless_all_of_them_close(tmp_path: Path) -> None:
    bare = 'text\tlabel\n"open quote\ta\nplain\tb\nclosing here"\ta\n5" screen\tb\n'
    closed = 'text\tlabel\n"a ""quoted"" word"\ta\n"two\nlines"\tb\n'

    assert [row["text"] for row in read(write(tmp_path / "a.tsv", bare))] == [
        '"open quote',
        "plain",
        'closing here"',
        '5" screen',
    ]
    assert [row["text"] for row in read(write(tmp_path / "b.tsv", closed))] == ['a "quoted" word', "two\nlines"]


def test_a_quote_that_swallows_rows_is_told_with_its_line(tmp_path: Path) -> None:
    swallowing = 'text,label\nfine,a\nbad,b\n"open,a\nfine,b\nclosed",a\n'
    path = write(tmp_path / "a.csv", swallowing)

    assert "Line 4 " in refusal(path).problem.en and "quotes: false" in refusal(path).fix.en
    assert len(read(path, quotes=False)) == 5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "".join(json.dumps(row) + "\n" for row in ROWS)),
        ("a.jsonl", json.dumps(ROWS)),
        ("b.jsonl", json.dumps(ROWS, indent=1)),
        ("b.json", json.dumps({"errors": [], "rows": ROWS})),
        ("c.json", json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]})),
        ("d.json", json.dumps({name: {str(at): row[name] for at, row in enumerate(ROWS)} for name in ROWS[0]})),
    ],
)
def test_json_is_read_by_what_it_holds(tmp_path: Path, name: str, content: str) -> None:
    assert read(write(tmp_path / name, content)) == ROWS


def test_json_that_names_its_splits_keeps_them(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "a.json", json.dumps({"train": ROWS[:1], "test": ROWS[1:]})))

    assert [row["split"] for row in rows] == ["train", "test"]


def sheet(path: Path, rows: list[list[Any]], merged: tuple[str, ...] = (), title: str = "客訴") -> Path:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    for place in merged:
        book.active.merge_cells(place)
    book.save(path)
    return path


def test_titles_merged_cells_and_two_rows_of_names(tmp_path: Path) -> None:
    body: list[list[Any]] = [
        ["good", "text 1", 1],
        [None, "text 2", 2],
        [None, "text 3", 3],
        ["bad", "text 4", 4],
        [None, "text 5", 5],
    ]
    path = sheet(
        tmp_path / "a.xlsx",
        [["客訴彙整 2026"], [], ["label", "detail", None], [None, "text", "points"], *body],
        ("A1:C1", "A3:A4", "B3:C3", "A5:A7", "A8:A9"),
    )
    rows, said = read_with_notes(path)

    assert [row["label"] for row in rows] == ["good"] * 3 + ["bad"] * 2
    assert rows[4] == {"label": "bad", "text": "text 5", "points": 5}
    assert "found in row 3" in said and "2 merged cells" in said


def test_a_group_of_columns_above_their_names_is_no_header_and_a_name_over_two_columns_is_one(tmp_path: Path) -> None:
    body = [["包裹晚到", "物流"], ["螢幕刮傷", "品質"], ["又晚到了", "物流"], ["刮花", "品質"]]
    groups = sheet(tmp_path / "a.xlsx", [["客訴", None, "其他"], ["顧客的話", "歸類", None], *body], ("A1:B1",))
    wide = sheet(
        tmp_path / "b.xlsx",
        [["顧客的話", None, "歸類"], *([text, None, label] for text, label in body)],
        ("A1:B1", "A2:B2", "A3:B3"),
    )

    assert read(groups)[0] == {"顧客的話": "包裹晚到", "歸類": "物流", "其他": None}
    assert len(read(wide)) == 4 and read(wide)[0]["顧客的話"] == "包裹晚到"


def test_a_merged_cell_ends_where_it_ends(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.xlsx", [["text", "label"], ["one", "a"], ["two", None], ["three", None]], ("B2:B3",))

    assert [row["label"] for row in read(path)] == ["a", "a", None]


def test_the_first_sheet_that_holds_rows_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    book.active.append(["Complaints of May"])
    for name in ("May", "June"):
        for row in (["text", "label"], [f"from {name}", "a"]):
            (book[name] if name in book.sheetnames else book.create_sheet(name)).append(row)
    book.create_sheet("Hidden", 0).sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    rows, said = read_with_notes(tmp_path / "a.xlsx")

    assert rows == [{"text": "from May", "label": "a"}] and "June" in said


def test_a_sheet_larger_than_it_claims_is_read_whole(tmp_path: Path) -> None:
    import zipfile

    whole = sheet(
        tmp_path / "whole.xlsx", [["text", "label"], *([f"text {number}", "ab"[number % 2]] for number in range(30))]
    )
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'ref="A1:B31"', b'ref="A1:B3"'))

    assert len(read(path)) == 30


def test_errors_of_a_sheet_are_no_labels(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.xlsx", [["text", "label"], ["one", "#N/A"], ["two", "a_x000D_\nb"]])

    assert [row["label"] for row in read(path)] == [{"=": "#N/A"}, "a\nb"]
