"""The rows that can be labelled: what the last fetch left without a label and no source has labelled since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....resources.foundation.errors import DataError
from ....resources.foundation.files import read_json
from ....resources.foundation.language import Text
from ....resources.task import Task, TaskFolder
from ..benchmark import held_out_rows
from ..rows import Row, row_id
from ..split import SPLITS
from ..store import Snapshot
from ..task_kind import TaskKind, task_kind
from ..unlabelled import unlabelled_rows


@dataclass(frozen=True)
class Pool:
    """`rows` by id, in the order they were fetched; rows that a source labels, or that are tested on, are not among them."""

    task: Task
    rows: dict[str, Row]

    @property
    def kind(self) -> TaskKind:
        return task_kind(self.task.type)

    @property
    def needs_entity(self) -> bool:
        return "entity" in self.kind.inputs


def load_pool(task: TaskFolder) -> Pool:
    """The task's rows to label.

    Raises:
        DataError: answers of the task's type are not proposed, or its labels are not named yet.
    """
    definition = task.load()
    check_type(definition)
    if task_kind(definition.type).needs_labels and not definition.labels:
        raise DataError(
            Text("The task names no labels yet, so none can be proposed.", "任務還沒有列出標籤，無從標起。"),
            Text(
                "Ask the person which labels there are, then update_task(changes={'labels': [...]}).",
                "請問對方有哪些標籤，再用 update_task(changes={'labels': [...]}) 記下來。",
            ),
            field="labels",
        )
    rows = {row["id"]: row for row in unlabelled_rows(task)}
    if rows:
        settled = {asked_id(row) for row in snapshot_rows(task) if "labelled" not in row}
        settled |= {asked_id(row) for row in held_out_rows(task)}
        rows = {number: row for number, row in rows.items() if number not in settled}
    return Pool(definition, rows)


def check_type(task: Task) -> None:
    """Raise `DataError` where answers to rows of that type of task are not proposed and reviewed."""
    if instead := task_kind(task.type).no_proposals:
        raise DataError(
            Text(
                f"Rows of a task of type {task.type} are not labelled row by row.",
                f"{task.type} 類型的任務不逐列標註。",
            ),
            instead,
            field="task",
        )


def asked_id(row: Mapping[str, Any]) -> str:
    """What a row asks, whatever its answer: the id it has in the pool."""
    return row_id(row["text"], row.get("entity"))


def snapshot_rows(task: TaskFolder, splits: Sequence[str] = SPLITS) -> Iterator[Row]:
    """The rows of the current snapshot as it was committed; none where there is none."""
    current = task.data / "current.json"
    root = task.snapshots / str(read_json(current)["hash"])[:12] if current.is_file() else None
    if root is not None and (root / "manifest.json").is_file():
        for name in splits:
            yield from Snapshot(root).rows(name)


def any_unlabelled(task: TaskFolder) -> bool:
    """Whether the last fetch left rows without a label; looks at file names alone."""
    folder = task.data / "unlabelled"
    if not folder.is_dir():
        return False
    current = folder / "current.json"
    return bool(read_json(current)["raw"]) if current.is_file() else any(folder.glob("*.jsonl"))
