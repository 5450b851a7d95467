"""Rows a model wrote: they stand in train alone, apart from every real row and from the benchmark."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...resources.data_source import SplitPolicy
from ...resources.foundation.files import write_atomic
from ...resources.foundation.language import Text, several
from ...resources.spending import amount
from ...resources.task import TaskFolder
from ...resources.validation import Finding
from .cells import as_text
from .filled_sheet import NO, SUFFIXES, filled_rows
from .findings import finding
from .harmless import harmless, restore_text, row_id_in, sheet_id
from .near_copies import NearCopies
from .rows import Row
from .split import group_keys
from .task_kind import Spelling, Unfit, task_kind

_ONE_IN = 10
_WHOLE_ID = re.compile(r"[0-9a-f]{16}")


def admit_rows(rows: Sequence[Row], real: Sequence[Row], held_out: Sequence[Row], refused: set[str]) -> list[Row]:
    """The rows that nearly repeat neither an earlier one of `rows`, nor a real row, nor the benchmark.

    Arguments:
        refused: ids that a person said no to.
    """
    known = NearCopies()
    kept: dict[int, Row] = {}
    for row in rows:
        if row["id"] not in refused and not known.like(row["text"]):
            kept[known.add(row["text"])] = row
    if not kept:
        return []
    for other in (*real, *held_out):
        for number in known.like(other["text"]):
            kept.pop(number, None)
    return list(kept.values())


def into_train(
    splits: dict[str, Sequence[Row]], rows: Sequence[Row], policy: SplitPolicy, held_out: Sequence[Row]
) -> list[Row]:
    """Add the rows to train, except those of a group that is tested on; returns the ones that were added."""
    if not rows:
        return []
    tested = [*splits["valid"], *splits["test"], *held_out]
    if policy.group_by is None or any(policy.group_by in row for row in rows) or policy.group_by == "skeleton":
        keys = group_keys([*rows, *tested], policy.group_by)
        closed = set(keys[len(rows) :])
        rows = [row for row, key in zip(rows, keys, strict=False) if key not in closed]
    splits["train"] = sorted([*splits["train"], *rows], key=lambda row: str(row["id"]))
    return list(rows)


def notes_of(given: int, used: int) -> list[Finding]:
    """What the report says of them."""
    if not given:
        return []
    found = [
        finding(
            "synthetic",
            used,
            Text(
                f"{several(used, 'row written by a model is', 'rows written by a model are')} in train.",
                f"訓練資料裡有 {used} 列是模型寫的。",
            ),
        )
    ]
    if given > used:
        found.append(
            finding(
                "synthetic_left_out",
                given - used,
                Text(
                    f"Left out, as too similar to each other, to a real row or to a test row, or refused in review: "
                    f"{several(given - used, 'row')} written by a model.",
                    f"有 {given - used} 列模型寫的資料未採用：與彼此、真實資料或測試資料太像，或審閱時被剔除。",
                ),
            )
        )
    return found


def about_written(task: TaskFolder, paid: Mapping[str, Any], sheets: Sequence[Path]) -> Text:
    """What the person should hear of rows that a model wrote: their cost, and where a tenth of them waits for a look.

    Arguments:
        paid: `spent`, as fetching counted it.
    """
    cost = sum(float(source.get("cost") or 0) for source in paid.get("spent", ()))
    money = f"{amount(cost)} {task.load().budget.money}"
    said = [Text(f" Writing rows cost {money} in all.", f"寫資料總共花了 {money}。")] if cost else []
    if sheets:
        names = ", ".join(map(str, sheets))
        said.append(
            Text(
                f" A tenth of the written rows waits for a person's review: {names} (no under keep leaves a row out of "
                f"the next preparation).",
                f"模型寫的資料有十分之一等人看過：{names}（keep 填 no，下次準備資料就不採用）。",
            )
        )
    return Text("".join(one.en for one in said), "".join(one.zh for one in said))


def write_sheet(task: TaskFolder, raw: str, rows: Iterable[Row]) -> Path | None:
    """A tenth of the rows as a sheet to review, `data/review/<raw hash12>.csv`, without those that an earlier sheet
    asked about; a sheet that stands is left alone."""
    path = _folder(task) / f"{raw}.csv"
    asked = {_row_of(task, row) for row in _sheet_rows(task)}
    sample = [row for row in rows if int(row["id"], 16) % _ONE_IN == 0 and row["id"] not in asked]
    if path.exists():
        return path
    if not sample:
        return None
    out, kind = io.StringIO(), task_kind(task.load().type)
    writer = csv.writer(out)
    writer.writerow(["keep", "id", *kind.columns(sample[0])])
    writer.writerows([["", sheet_id(row["id"]), *map(harmless, kind.columns(row).values())] for row in sample])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, b"\xef\xbb\xbf" + out.getvalue().encode())
    return path


def refused_ids(task: TaskFolder) -> set[str]:
    """The ids whose `keep` a person set to no in one of the sheets."""
    return {
        number
        for row in _sheet_rows(task)
        if as_text(row.get("keep")).casefold() in NO and (number := _row_of(task, row))
    }


def _row_of(task: TaskFolder, row: Mapping[str, Any]) -> str:
    """The row's id; where a spreadsheet made a number of one without a letter, what its cells say it is."""
    number = row_id_in(row.get("id"))
    if _WHOLE_ID.fullmatch(number):
        return number
    kind = task_kind(task.load().type)
    try:
        return kind.id_of(
            kind.fields({name: restore_text(as_text(cell)) for name, cell in row.items()}, Spelling((), {}))
        )
    except Unfit:
        return number


def _sheet_rows(task: TaskFolder) -> Iterator[Row]:
    for path in sorted(_folder(task).glob("*")):
        if path.suffix.lower() in SUFFIXES and path.stat().st_size and not path.name.startswith((".", "~$")):
            yield from filled_rows(task, path, ("keep", "id"), f"data/review/{path.name}")


def _folder(task: TaskFolder) -> Path:
    return task.data / "review"
