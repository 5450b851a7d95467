"""Rows without a label, kept apart from training: `data/unlabelled/<raw hash12>.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...resources.files import dump_jsonl, write_atomic
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
    return files
