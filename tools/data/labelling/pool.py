"""The rows that can be labelled: what the last fetch left without a label and no source has labelled since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....resources.errors import DataError
from ....resources.files import read_json
from ....resources.language import Text
from ....resources.task import Task, TaskFolder
from ..benchmark import held_out_rows
from ..rows import Row
from ..split import SPLITS
from ..store import Snapshot
from ..types import task_kind
from ..unlabelled import unlabelled_rows


@dataclass(frozen=True)
class Pool:
    """`rows` by id, in the order they were fetched; rows that a source labels, or that are tested on, are not among them."""

    task: Task
    rows: dict[str, Row]

    @property
    def needs_entity(self) -> bool:
        return self.task.type == "entity-classification"


def load_pool(task: TaskFolder) -> Pool:
    """The task's rows to label.

    Raises:
        DataError: the task's type has no labels to propose, or its labels are not named yet.
    """
    definition = task.load()
    check_type(definition)
    if not definition.labels:
        raise DataError(
            Text("The task names no labels yet, so none can be proposed.", "任務還沒有列出標籤，無從標起。"),
            Text("Ask the person which labels there are, then update_task(changes={'labels': [...]}).",
                 "請問對方有哪些標籤，再用 update_task(changes={'labels': [...]}) 記下來。"), field="labels")
    rows = {row["id"]: row for row in unlabelled_rows(task)}
    if rows:
        settled = {row["id"] for row in snapshot_rows(task) if "labelled" not in row}
        settled |= {row["id"] for row in held_out_rows(task)}
        rows = {number: row for number, row in rows.items() if number not in settled}
    return Pool(definition, rows)


def check_type(task: Task) -> None:
    """Raise `DataError` where rows of that type of task carry no single label."""
    if task_kind(task.type).answers == "label":
        return
    raise DataError(
        Text(f"Rows of a task of type {task.type} have no single label that could be proposed and reviewed here.",
             f"{task.type} 類型的任務沒有單一標籤，不能在這裡提案與審閱。"),
        Text("Have people write the answers in a file with the task's columns, and connect it with set_data_source.",
             "請由人把答案寫進有任務欄位的檔案，再用 set_data_source 接上。"), field="task")


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


