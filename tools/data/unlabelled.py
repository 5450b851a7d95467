"""Rows without a label, kept apart from training: `data/unlabelled/<raw hash12>.jsonl`; `current.json` names the files
of the last fetch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...resources.foundation.files import dump_jsonl, read_json, read_jsonl, write_atomic, write_json
from ...resources.task import TaskFolder
from .rows import Row


def keep_unlabelled(task: TaskFolder, rows: Iterable[Row]) -> list[Path]:
    """Write the rows, one file for each raw snapshot they come from, and return the files.

    Arguments:
        rows: `{id, text, entity?, source, provenance: {raw, line, …}}`; of the same input the first is kept.
    """
    by_raw: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_raw.setdefault(row["provenance"]["raw"], {}).setdefault(row["id"], row)
    folder = task.data / "unlabelled"
    files = []
    for raw, kept in by_raw.items():
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{raw}.jsonl"
        write_atomic(file, dump_jsonl(kept.values()))
        files.append(file)
    if files or folder.is_dir():
        write_json(folder / "current.json", {"format": 1, "raw": list(by_raw)})
    return files


def unlabelled_rows(task: TaskFolder) -> Iterator[Row]:
    """The rows without a label of the last fetch, of the same input the first."""
    folder = task.data / "unlabelled"
    current = folder / "current.json"
    names = read_json(current)["raw"] if current.is_file() else sorted(file.stem for file in folder.glob("*.jsonl"))
    seen: set[str] = set()
    for name in names:
        file = folder / f"{name}.jsonl"
        for row in read_jsonl(file) if file.is_file() else ():
            if row["id"] not in seen:
                seen.add(row["id"])
                yield row
