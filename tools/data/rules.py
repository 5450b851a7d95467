"""What the rows of a task are held against."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ...resources.data_source import DataSource
from ...resources.foundation.files import sha256_bytes
from ...resources.task import Task, TaskType
from .task_kind import TaskKind, task_kind


@dataclass(frozen=True)
class Rules:
    """What the rows are held against; a report made under other rules is out of date."""

    labels: tuple[str, ...]
    type: TaskType
    min_characters: int
    max_characters: int
    max_imbalance: float
    group_by: str | None
    traditional: bool = False

    @property
    def kind(self) -> TaskKind:
        return task_kind(self.type)

    @property
    def hash(self) -> str:
        return sha256_bytes(json.dumps(asdict(self), ensure_ascii=False).encode())[:12]


def rules_of(task: Task, data_source: DataSource, group_by: str | None) -> Rules:
    """The rules that `task.yaml` and `data_source.yaml` set."""
    quality = data_source.quality
    return Rules(
        tuple(task.labels),
        task.type,
        quality.min_characters,
        quality.max_characters,
        quality.max_imbalance,
        group_by,
        task.language == "zh-TW",
    )
