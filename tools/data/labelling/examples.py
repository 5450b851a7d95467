"""Rows that the model in the chat wrote: checked one by one, for training only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ....resources.clock import now
from ....resources.data_source import load_data_source
from ....resources.errors import DataError
from ....resources.figures import figure
from ....resources.files import describing_disk_errors, dump_jsonl, lock, read_jsonl
from ....resources.language import Text
from ....resources.task import Task, TaskFolder
from ...compute.events import close_torn_line
from ..benchmark import held_out_rows
from ..generation.checking import REASONS, RowChecks
from ..near_copies import NearCopies
from ..rows import row_id
from .pool import check_type, snapshot_rows

MOST_AT_ONCE = 200
_FIELDS = {"text", "label", "entity"}


def add_examples(
    task: TaskFolder, examples: Sequence[Mapping[str, Any]], by: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Keep the examples that pass.

    Arguments:
        examples: `{text, label, entity?}` each.
        by: which model wrote them.

    Returns:
        the rows kept, and of each refused one its place (counted from 1) and why.

    Raises:
        DataError: there is none, there are too many at once, or the task names no labels.
    """
    definition = task.load()
    check_type(definition)
    _check(definition, examples)
    path = examples_file(task)
    with lock(path), describing_disk_errors(path):
        checks = RowChecks(definition, load_data_source(task).quality, _known(task))
        kept: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        for place, example in enumerate(examples, start=1):
            row = checks.checked(dict(example))
            if isinstance(row, str):
                refused.append({"example": place, "reason": row, "why": str(REASONS[row]),
                                "text": str(example.get("text") or "")[:60]})
            else:
                kept.append({"id": row_id(row["text"], row.get("entity")), **row, "by": by, "at": now()})
        close_torn_line(path)
        if kept:
            with path.open("ab", buffering=0) as file:
                file.write(dump_jsonl(kept))
    return kept, refused


def _check(task: Task, examples: Sequence[Mapping[str, Any]]) -> None:
    if not task.labels:
        raise DataError(
            Text("The task names no labels yet.", "任務還沒有列出標籤。"),
            Text("Ask the person which labels there are, then update_task(changes={'labels': [...]}).",
                 "請問對方有哪些標籤，再用 update_task(changes={'labels': [...]}) 記下來。"), field="labels")
    if not examples or len(examples) > MOST_AT_ONCE:
        raise DataError(
            Text(f"{len(examples)} examples are given.", f"給了 {len(examples)} 筆例子。"),
            Text(f"Give 1 to {MOST_AT_ONCE} at once, each {{text, label}} (and entity in a task about entities).",
                 f"一次給 1 到 {MOST_AT_ONCE} 筆，每筆是 {{text, label}}（有對象的任務再加 entity）。"), field="examples")
    for place, example in enumerate(examples):
        if strange := sorted(set(example) - _FIELDS):
            raise DataError(
                Text(f"examples[{place}] has a field {strange[0]!r}.", f"examples[{place}] 有多餘的欄位「{strange[0]}」。"),
                Text("An example is {text, label, entity?}. To decide on rows by their id, use action='review'.",
                     "例子的寫法是 {text, label, entity?}；要依編號決定資料列，請用 action='review'。"),
                field=f"examples[{place}].{strange[0]}")


def _known(task: TaskFolder) -> NearCopies:
    """What an example must not repeat: what is tested on, what is real, what was written before."""
    known = NearCopies()
    for row in (*held_out_rows(task), *snapshot_rows(task), *_kept(task)):
        known.add(row["text"])
    return known


def example_records(task: TaskFolder) -> list[dict[str, Any]]:
    """The rows written so far as a source gives them; those of labels the task no longer has are left out."""
    labels = task.load().labels
    return [{"text": row["text"], **({"entity": row["entity"]} if row.get("entity") else {}), "label": row["label"],
             "written": {"by": row["by"], "at": row["at"]}} for row in _kept(task) if row["label"] in labels]


def lacking(task: TaskFolder, per_label: Mapping[str, int] | None = None) -> dict[str, int]:
    """How many rows each label still wants.

    Arguments:
        per_label: rows to train on that are wanted of each label; where left out as many as the label with the most
            has, and at least what a label needs to be learnt.

    Raises:
        DataError: it names a label the task does not have.
    """
    labels = task.load().labels
    if strange := [label for label in per_label or {} if label not in labels]:
        raise DataError(
            Text(f"per_label names {strange[0]!r}, which is none of the task's labels.",
                 f"per_label 的「{strange[0]}」不是任務的標籤。"),
            Text(f"The labels are: {', '.join(labels)}.", f"任務的標籤有：{'、'.join(labels)}。"), field="settings.per_label")
    have = Counter(row["label"] for row in snapshot_rows(task, ("train",)) if not row.get("synthetic"))
    have.update(row["label"] for row in _kept(task))
    most = max([*(have[label] for label in labels), round(figure("rows_per_label"))])
    wanted = dict(per_label) if per_label else dict.fromkeys(labels, most)
    return {label: count - have[label] for label, count in wanted.items() if count > have[label]}


def examples_file(task: TaskFolder) -> Path:
    return task.data / "labelling" / "examples.jsonl"


def _kept(task: TaskFolder) -> list[dict[str, Any]]:
    path = examples_file(task)
    return list(read_jsonl(path)) if path.is_file() else []
