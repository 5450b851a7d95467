"""A sheet that a person filled and gave back, as whatever spreadsheet saved it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...resources.data_source import Source
from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text
from ...resources.task import TaskFolder
from .cells import as_text
from .harmless import restore_text
from .rows import Record, row_id
from .source import source_kind

SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm")
# What may stand where a person says yes or no.
YES = frozenset({"y", "yes", "ok", "true", "1", "v", "是", "對", "好", "同意", "接受"})
NO = frozenset({"n", "no", "x", "-", "false", "0", "否", "不", "不要", "刪", "刪除", "不採用", "排除"})

Sheet = list[Record]


def filled_rows(
    task: TaskFolder, file: Path, needed: Sequence[str], field: str, fits: Callable[[Sheet], bool] = lambda rows: True
) -> Sheet:
    """The sheet's rows by their columns' names in small letters: CSV with any separator, Unicode text, Excel.

    Arguments:
        needed: columns without which it is no such sheet.
        fits: whether the rows are those that went out; decides where the encoding is in doubt.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    try:
        rows = _read(task, file, field)
    except DataError as error:
        tried = (_read(task, file, field, encoding) for encoding in (error.details or {}).get("encodings", ()))
        found = next((rows for rows in tried if fits(rows)), None)
        if found is None:
            raise
        rows = found
    if missing := [name for name in needed if rows and name not in rows[0]]:
        raise DataError(
            Text(f"{file} has no column {missing[0]}.", f"{file} 沒有 {missing[0]} 欄。"),
            Text("Return the sheet with its original columns.", "請保留原本的欄位再交回。"),
            field=field,
        )
    return rows


def _read(task: TaskFolder, file: Path, field: str, encoding: str | None = None) -> Sheet:
    described = {"type": "file", "path": str(file), **({"encoding": encoding} if encoding else {})}
    kind = source_kind(Source.model_validate(described), 0)
    return [
        {str(key).strip().casefold(): value for key, value in record.items()}
        for batch in kind.batches(task.root, field)
        for record in batch
    ]


def same_text(cell: Any, text: str) -> bool:
    """Whether a cell holds a row's text, as a spreadsheet gives it back."""
    return row_id(restore_text(as_text(cell))) == row_id(text)
