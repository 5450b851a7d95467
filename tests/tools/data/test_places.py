from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped, import-not-found, unused-ignore]
import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.fetch import fetch, load_raw
from nlp_skills.tools.data.places import Place, Places, PlacesOf
from nlp_skills.tools.data.source import source_kind


def rows_of(task: TaskFolder, **source: Any) -> list[Place]:
    raw = fetch(task, source_kind(Source.model_validate({"type": "file", **source}), 0), 0)
    places = raw.places()
    return [places.of(number) for number in range(1, raw.count + 1)]


def test_a_csv_is_numbered_as_a_spreadsheet_shows_it(task: TaskFolder) -> None:
    (task.root / "rows.csv").write_text('text,label\n"a\nb",x\n\nc,y\nd,z\n', encoding="utf-8")

    assert [place.row for place in rows_of(task, path="rows.csv")] == [2, 4, 5]


def test_blank_lines_of_json_lines_are_counted(task: TaskFolder) -> None:
    (task.root / "rows.jsonl").write_text('{"text": "a"}\n\n{"text": "b"}\n', encoding="utf-8")

    assert [place.row for place in rows_of(task, path="rows.jsonl")] == [1, 3]


def test_the_files_of_a_folder_are_named(task: TaskFolder) -> None:
    folder = task.root / "files"
    folder.mkdir()
    (folder / "one.csv").write_text("text\na\nb\n", encoding="utf-8")
    (folder / "two.json").write_text('[{"text": "c"}]', encoding="utf-8")

    assert rows_of(task, path="files") == [Place(2, "one.csv"), Place(3, "one.csv"), Place(1, "two.json")]


def test_the_sheet_and_its_own_rows_are_named(task: TaskFolder) -> None:
    book = openpyxl.Workbook()
    book.active.title = "客訴"
    for cells in ([], ["text", "label"], ["a", "x"], [], ["b", "y"]):
        book.active.append(cells)
    book.save(task.root / "rows.xlsx")

    assert rows_of(task, path="rows.xlsx") == [Place(3, sheet="客訴"), Place(5, sheet="客訴")]


def test_the_same_rows_moved_in_the_file_are_found_where_they_stand_now(task: TaskFolder) -> None:
    (task.root / "rows.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    rows_of(task, path="rows.jsonl")
    (task.root / "rows.jsonl").write_text('\n\n{"text": "a"}\n', encoding="utf-8")

    assert rows_of(task, path="rows.jsonl") == [Place(3)]


def test_each_source_of_one_run_keeps_its_own_places_and_provenance(task: TaskFolder, prepare: Any) -> None:
    for folder in ("one", "two"):
        (task.root / folder).mkdir()
        (task.root / folder / "rows.csv").write_text(
            "text,entity,label\n" + "".join(f"{folder} 第{chr(0x4E00 + at)}件,甲,正面\n" for at in range(20)),
            encoding="utf-8",
        )
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "one"}, {"type": "file", "path": "two"}]})
    raws = [load_raw(Path(raw)) for raw in prepare(accept={"benchmark_one_label": "all are"})["raw"]]

    assert [raw.places().of(1) for raw in raws] == [Place(2, "rows.csv")] * 2
    assert [raw.provenance() for raw in raws] == [{"files": 1}] * 2


@pytest.mark.parametrize("said", (0, 2))
def test_places_that_do_not_fit_the_records_are_not_kept(said: int) -> None:
    places = Places()
    for row in range(said):
        places.at(row + 7)

    assert PlacesOf(places.runs(1)).of(1) == Place(1)


def test_a_plain_file_is_one_run(tmp_path: Path) -> None:
    places = Places()
    for row in range(2, 1000):
        places.at(row)

    assert places.runs(998) == [{"record": 1, "row": 2}]
