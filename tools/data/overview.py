"""The data of a task at a glance: its definition and what was made of it, without reading a source."""

from __future__ import annotations

from typing import Any

from ...resources.answer import NextStep
from ...resources.data_source import DataSource
from ...resources.foundation.files import lock
from ...resources.foundation.language import Text
from ...resources.task import TaskFolder
from .snapshot import edited_splits, head, working_file
from .split import SPLITS


def overview(task: TaskFolder) -> dict[str, Any] | None:
    """The current snapshot's figures, where its files are, and which of them were edited since; None without data."""
    if not (task.data / "current.json").is_file():
        return None
    with lock(task.data / "current.json"):
        snapshot = head(task)
        if snapshot is None:
            return None
        edited = edited_splits(task, snapshot)
    return {
        "snapshot": snapshot.hash,
        "kind": snapshot.manifest.kind,
        "created": snapshot.manifest.created,
        "counts": snapshot.counts,
        "label_counts": snapshot.label_counts,
        "edited_by_hand": edited,
        "warnings": [found.code for found in snapshot.validation.warnings],
        "files": {name: str(working_file(task, name)) for name in SPLITS},
    }


def describe_data(task: TaskFolder, data_source: DataSource, data: dict[str, Any] | None) -> tuple[Text, NextStep]:
    """What to say about it, and what to do next."""
    if not data_source.sources and data is None:
        return (
            Text(
                f"{task.name} has no data source yet ({task.data_source_file}).",
                f"{task.name} 還沒有設定資料來源（{task.data_source_file}）。",
            ),
            _next(
                Text(
                    "Ask where the rows are: files (CSV, Excel, JSON, Parquet), a database, an API, web pages "
                    "or a hub data set; then call set_data_source with sources.",
                    "請問資料放在哪裡：檔案（CSV、Excel、JSON、Parquet）、資料庫、API、網頁或 Hub 資料集；"
                    "再用 set_data_source 帶入 sources。",
                ),
                "coach",
                task,
                message="data source",
            ),
        )
    kinds = ", ".join(source.type for source in data_source.sources) or "-"
    if data is None:
        return (
            Text(f"Sources: {kinds}. No data has been prepared yet.", f"資料來源：{kinds}。尚未準備資料。"),
            _next(Text("Prepare the data.", "接著準備資料。"), "prepare_data", task),
        )
    counts = data["counts"]
    edited, changed = data["edited_by_hand"], ", ".join(data["edited_by_hand"])
    message = Text(
        f"Sources: {kinds}. Data: {counts['train']} train, {counts['valid']} valid, {counts['test']} test rows"
        f"{f'; edited by hand: {changed} (validated before training)' if edited else ''}.",
        f"資料來源：{kinds}。資料：訓練 {counts['train']} 列、驗證 {counts['valid']} 列、測試 {counts['test']} 列"
        f"{f'；手動修改過：{changed}（訓練前會先驗證）' if edited else ''}。",
    )
    return message, _next(
        Text(
            "Plan a training, or prepare the data again if the source has changed.",
            "可以規劃訓練；來源有更新時，也可以重新準備資料。",
        ),
        "plan_training",
        task,
    )


def _next(say: Text, tool: str, task: TaskFolder, **more: str) -> NextStep:
    return NextStep(say=str(say), tool=tool, arguments={"task": task.name, **more})
