"""What preparing the data says of rows without a label: where they are, how many still wait, and the call that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....resources.foundation.errors import DataError
from ....resources.foundation.files import read_jsonl
from ....resources.foundation.language import Text, number_of
from ....resources.task import TaskFolder
from ..task_kind import role_title, task_kind
from .standing import load_labelling, next_call


def kept_apart(task: TaskFolder, files: Sequence[Path]) -> dict[str, Any]:
    """The counts, where there are such rows: `unlabelled` fetched without a label, `to_label` not decided on yet."""
    if not files:
        return {}
    count = sum(1 for file in files for _ in read_jsonl(file))
    try:
        waiting = {"to_label": len(load_labelling(task).open)}
    except DataError:  # a task of another type, or without labels: nothing to offer yet
        waiting = {}
    return {"unlabelled": count, **waiting, "unlabelled_files": [str(file) for file in files]}


def only_unlabelled(task: TaskFolder, fetched: int, files: Sequence[Path]) -> dict[str, Any]:
    """The whole answer where no row can train yet."""
    apart, lacking = kept_apart(task, files), role_title(task_kind(task.load().type).key)
    return {
        **apart,
        "message": Text(
            "No {lacking} came with the {records} fetched. {rows} kept in {data}; the data to train on is unchanged.",
            "擷取 {records} 筆，都沒有{lacking}。{rows} 列已保存在 {data}；可訓練的資料維持原狀。",
        )
        .format(
            lacking=lacking,
            records=number_of(fetched, "record"),
            rows=number_of(apart["unlabelled"], "row is", "rows are"),
            data=task.data / "unlabelled",
        )
        ._asdict(),
        "next_step": _step(task),
    }


def _step(task: TaskFolder) -> dict[str, Any]:
    try:
        say, tool, arguments = next_call(load_labelling(task))
    except DataError as error:
        return {
            "tool": "update_task" if error.field == "labels" else "coach",
            "arguments": {"task": task.name},
            "say": error.fix._asdict(),
        }
    return {"tool": tool, "arguments": arguments, "say": say._asdict()}
