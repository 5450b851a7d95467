"""Files that list rows for a person to look up where they come from; they stand in the task's own folder."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.foundation.files import write_atomic
from ...resources.task import Task, TaskFolder
from ...resources.validation import Finding, ValidationReport
from .cells import as_text
from .columnar import SourceRecords
from .findings import EXAMPLES, groups_of, quotes_rows
from .harmless import harmless
from .origins import Origin, Origins
from .rows import Row
from .task_kind import task_kind

FOLDER = "findings"
TO_MEND = "rows_to_mend.csv"  # the records that make no row
PLACE = ("source", "file", "sheet", "page", "row", "key")
_WORD = re.compile(r"\w")


def list_rows(
    task: TaskFolder, definition: Task, report: ValidationReport, sources: Sequence[SourceRecords], masked: bool
) -> None:
    """Write `data/findings/<code>.csv` for each finding of the report that concerns rows, and say so in its `file`.

    Its examples are told where they come from. Files of an earlier report go.

    Arguments:
        masked: the texts of the rows are not shown.
    """
    findings = [*report.errors, *report.warnings]
    for found in findings:
        if found.code.startswith(("left_out_", "rows_left_out")) and (task.data / TO_MEND).is_file():
            found.file = (task.data / TO_MEND).relative_to(task.root).as_posix()
    ids = {row["id"] for found in findings for group in groups_of(found) for _, row in group}
    shutil.rmtree(task.data / FOLDER, ignore_errors=True)
    spelled_otherwise = [found for found in findings if found.code == "label_respelled"]
    if not ids and not spelled_otherwise:
        return
    origins = Origins(definition, sources, ids)
    for found in findings:
        rows = list(_rows_of(found, origins, definition, masked))
        if not rows:
            continue
        path = task.data / FOLDER / f"{found.code}.csv"
        write_sheet(path, rows)
        found.file = path.relative_to(task.root).as_posix()
        for example, row in zip(found.examples, rows[:EXAMPLES], strict=False):
            example.update({name: row[name] for name in PLACE if row.get(name) not in (None, "")})


def write_sheet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a CSV that Excel opens rightly, shows and does not compute; without what no row says of its place."""
    columns = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in PLACE or any(row.get(name) not in (None, "") for row in rows)
    ]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(map(harmless, columns))
    writer.writerows([[harmless(_as_cell(row.get(name))) for name in columns] for row in rows])
    write_atomic(path, b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace"))


def cells_shown(cells: Mapping[str, Any], masked: bool) -> dict[str, str]:
    """Cells as a sheet shows them; where they are masked, only how long they are."""
    shown = {name: _as_cell(value) for name, value in cells.items()}
    return {name: _WORD.sub("•", value) for name, value in shown.items()} if masked else shown


def _rows_of(found: Finding, origins: Origins, definition: Task, masked: bool) -> Iterable[Row]:
    if found.code == "label_respelled":
        yield from ({"id": row_id, **_place(origin)} for row_id, origin in origins.respelled)
        return
    groups = groups_of(found)
    together = len(groups) > 1
    if found.code == "duplicates_removed":
        known = {row["id"]: row for group in groups for _, row in group}
        yield from (
            {"id": row_id, **_place(origin)}
            for row_id, row in known.items()
            for origin in (origins.later(row_id) or (origins.of(row),))
        )
        return
    turns = Counter[tuple[str, str]]()
    for number, group in enumerate(groups, start=1):
        for split, row in group:
            turn = (row["id"], split)
            origin = origins.of(row, turns[turn])
            turns[turn] += 1
            yield {
                **({"group": number} if together else {}),
                "split": split,
                "id": row["id"],
                **({"line": row["line"]} if "line" in row else {}),
                **_place(origin),
                **(_quote_row(row, definition, masked) if quotes_rows(found) else {}),
            }


def _place(origin: Origin | None) -> dict[str, str | int]:
    return origin.to_place() if origin else {}


def _quote_row(row: Row, definition: Task, masked: bool) -> dict[str, str]:
    kind = task_kind(definition.type)
    return cells_shown({name: row.get(name) for name in dict.fromkeys(("text", *kind.optional, *kind.roles))}, masked)


def _as_cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else as_text(value)
