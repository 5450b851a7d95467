"""A batch to review away from the chat: the same rows as CSV and as a page that needs no network and saves a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from ....resources.foundation.clock import now
from ....resources.foundation.files import commit_folder, sha256_bytes, write_json
from ....resources.foundation.language import Text, spoken_language
from ....resources.labelling import Sheet
from ....resources.task import TaskFolder
from ..harmless import harmless, sheet_id
from ..rows import Row
from .page import page
from .proposals import Proposal
from .standing import Labelling

COLUMNS = ("sheet", "row", "id", "text", "entity", "proposed", "confidence", "decision", "reviewer")


def write_sheet(here: Labelling, ids: Sequence[str], rows: Sequence[Row], which: str, blind: bool) -> Path:
    """The folder of a sheet with these rows; the same rows and proposals are the same sheet, which is left as it stands.

    Arguments:
        ids, rows: in the order they are shown.
        blind: show no proposals, so that the reviewer is not led by them.
    """
    shown = [] if blind else [here.proposals.get(number) for number in ids]
    content = [_entry(row, shown[place] if shown else None) for place, row in enumerate(rows)]
    said = _earlier(here, ids) if which == "disputed" else {}
    key = json.dumps([which, blind, here.pool.task.labels, content, said], sort_keys=True, ensure_ascii=False)
    name = sha256_bytes(key.encode())[:10]
    folder = folder_of(here.folder, name)
    settings = {
        "format": 1,
        "sheet": name,
        "which": which,
        "blind": blind,
        "created": now(),
        "labels": list(here.pool.task.labels),
        "rows": [
            {key: row[key] for key in ("id", "text", "entity", "source", "provenance") if key in row} for row in rows
        ],
    }

    def fill(place: Path) -> None:
        write_json(place / "sheet.json", settings)
        (place / "sheet.csv").write_bytes(_csv(name, content))
        (place / "sheet.html").write_text(
            page(
                {
                    "sheet": name,
                    "task": here.folder.name,
                    "labels": list(here.pool.task.labels) if here.pool.kind.one_label else [],
                    "answer": here.pool.kind.key,
                    "rows": [
                        {**entry, **({"said": said[entry["id"]]} if entry["id"] in said else {})} for entry in content
                    ],
                    "entity": here.pool.needs_entity,
                    "language": spoken_language(),
                    "columns": COLUMNS,
                }
            ),
            encoding="utf-8",
        )

    commit_folder(folder, fill)
    return folder


def sheet_settings(task: TaskFolder, name: str) -> Sheet | None:
    """What is on the sheet of that name; None where there is none."""
    file = folder_of(task, name) / "sheet.json"
    return Sheet.read(file) if name.isalnum() and file.is_file() else None


def folder_of(task: TaskFolder, name: str) -> Path:
    return task.data / "labelling" / "sheets" / name


class SheetEntry(TypedDict):
    """A row as a sheet shows it."""

    id: str
    text: str
    entity: str
    proposed: str
    confidence: float | Literal[""]


def _entry(row: Row, proposal: Proposal | None) -> SheetEntry:
    return {
        "id": row["id"],
        "text": row["text"],
        "entity": row.get("entity") or "",
        "proposed": proposal.label if proposal else "",
        "confidence": proposal.confidence if proposal and proposal.confidence is not None else "",
    }


def _earlier(here: Labelling, ids: Sequence[str]) -> dict[str, str]:
    """Who said what about rows in dispute."""
    none = Text("leave out", "不採用")
    return {
        number: ", ".join(f"{who}: {line.label or none}" for who, line in sorted(here.decided[number].latest.items()))
        for number in ids
        if number in here.decided
    }


def _csv(name: str, content: Sequence[SheetEntry]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for place, entry in enumerate(content, start=1):
        writer.writerow(
            [
                name,
                place,
                sheet_id(entry["id"]),
                harmless(entry["text"]),
                harmless(entry["entity"]),
                harmless(entry["proposed"]),
                entry["confidence"],
                "",
                "",
            ]
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode()
