"""Rows that the model in the chat wrote: checked one by one, for training only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ....resources.data_source import load_data_source
from ....resources.figures import figure
from ....resources.foundation.clock import now
from ....resources.foundation.errors import DataError
from ....resources.foundation.files import describing_disk_errors, dump_jsonl, lock, read_jsonl
from ....resources.foundation.language import Text
from ....resources.task import Task, TaskFolder
from ...compute.jobs.events import close_torn_line
from ..benchmark import held_out_rows
from ..cells import as_text
from ..generation.checking import Refused, RowChecks
from ..generation.shape import columns, record_of
from ..near_copies import NearCopies
from ..rows import Record, Row
from ..task_kind import task_kind
from .answer import RefusedRow
from .pool import snapshot_rows

MOST_AT_ONCE = 200


def add_examples(
    task: TaskFolder, examples: Sequence[Mapping[str, Any]], by: str
) -> tuple[list[Row], list[RefusedRow]]:
    """Keep the examples that pass.

    Arguments:
        examples: rows of the task's type, such as `{text, label, entity?}`.
        by: which model wrote them.

    Returns:
        the rows kept, and of each refused one its place (counted from 1) and why.

    Raises:
        DataError: there is none, there are too many at once, or the task names no labels where its rows carry some.
    """
    definition = task.load()
    kind = task_kind(definition.type)
    _check(definition, examples)
    path = examples_file(task)
    with lock(path), describing_disk_errors(path):
        checks = RowChecks(definition, load_data_source(task).quality, _known_texts(task))
        kept: list[Row] = []
        refused: list[RefusedRow] = []
        for place, example in enumerate(examples, start=1):
            row = checks.check_row(dict(example))
            if isinstance(row, Refused):
                refused.append(
                    {
                        "example": place,
                        "reason": row.code,
                        "why": str(row.why),
                        "text": as_text(example.get("text"))[:60],
                    }
                )
            else:
                kept.append({"id": kind.id_of(row), **row, "by": by, "at": now()})
        close_torn_line(path)
        if kept:
            with path.open("ab", buffering=0) as file:
                file.write(dump_jsonl(kept))
    return kept, refused


def _check(task: Task, examples: Sequence[Mapping[str, Any]]) -> None:
    kind = task_kind(task.type)
    if kind.needs_labels and not task.labels:
        raise DataError(
            Text("The task names no labels yet.", "任務還沒有列出標籤。"),
            Text(
                "Ask the person which labels there are, then update_task(changes={'labels': [...]}).",
                "請問對方有哪些標籤，再用 update_task(changes={'labels': [...]}) 記下來。",
            ),
            field="labels",
        )
    if not examples or len(examples) > MOST_AT_ONCE:
        raise DataError(
            Text(f"{len(examples)} examples are given.", f"給了 {len(examples)} 筆例子。"),
            Text(
                f"Give 1 to {MOST_AT_ONCE} at once, each {columns(kind)}.",
                f"一次給 1 到 {MOST_AT_ONCE} 筆，每筆是 {columns(kind)}。",
            ),
            field="examples",
        )
    for place, example in enumerate(examples):
        if strange := sorted(set(example) - {*kind.roles, *kind.optional}):
            raise DataError(
                Text(
                    f"examples[{place}] has a field {strange[0]!r}.",
                    f"examples[{place}] 有多餘的欄位「{strange[0]}」。",
                ),
                Text(
                    f"An example is {columns(kind)}. To decide on rows by their id, use action='review'.",
                    f"例子的寫法是 {columns(kind)}；要依編號決定資料列，請用 action='review'。",
                ),
                field=f"examples[{place}].{strange[0]}",
            )


def _known_texts(task: TaskFolder) -> NearCopies:
    """What an example must not repeat: what is tested on, what is real, what was written before."""
    known = NearCopies()
    for row in (*held_out_rows(task), *snapshot_rows(task), *_read_kept_rows(task)):
        known.add(row["text"])
    return known


def example_records(task: TaskFolder) -> list[Record]:
    """The rows written so far as a source gives them; those of labels the task no longer has are left out."""
    definition = task.load()
    kind = task_kind(definition.type)
    return [
        {**record_of(kind, row), "written": {"by": row["by"], "at": row["at"]}}
        for row in _read_kept_rows(task)
        if set(kind.labels_of(row)) <= set(definition.labels)
    ]


def lacking(task: TaskFolder, per_label: Mapping[str, int] | None = None) -> dict[str, int]:
    """How many rows each label still wants; a row counts for every label it holds. None where rows carry no labels.

    Arguments:
        per_label: rows to train on that are wanted of each label; if left out as many as the label with the most
            has, and at least what a label needs to be learnt.

    Raises:
        DataError: it names a label the task does not have.
    """
    definition = task.load()
    labels, kind = definition.labels, task_kind(definition.type)
    if strange := [label for label in per_label or {} if label not in labels]:
        raise DataError(
            Text(
                f"per_label names {strange[0]!r}, which is not one of the task's labels.",
                f"per_label 的「{strange[0]}」不是任務的標籤。",
            ),
            Text(f"The labels are: {', '.join(labels)}.", f"任務的標籤有：{'、'.join(labels)}。")
            if labels
            else Text("Leave it out: rows of this task have none.", "請拿掉：這個任務的資料沒有標籤。"),
            field="settings.per_label",
        )
    if not kind.needs_labels:
        return {}
    have = Counter(
        label for row in snapshot_rows(task, ("train",)) if not row.get("synthetic") for label in kind.labels_of(row)
    )
    have.update(label for row in _read_kept_rows(task) for label in kind.labels_of(row))
    most = max([*(have[label] for label in labels), round(figure("rows_per_label"))])
    wanted = dict(per_label) if per_label else dict.fromkeys(labels, most)
    return {label: count - have[label] for label, count in wanted.items() if count > have[label]}


def examples_file(task: TaskFolder) -> Path:
    return task.data / "labelling" / "examples.jsonl"


def _read_kept_rows(task: TaskFolder) -> list[Row]:
    path = examples_file(task)
    return list(read_jsonl(path)) if path.is_file() else []
