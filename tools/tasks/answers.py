"""What comparing and managing tasks answer with. Kept apart from the work: the server describes them when it starts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from ...resources.answer import Answer, JobView
from ...resources.task import State

Action = Literal["promote", "roll_back", "tidy", "archive", "restore", "clone", "export", "import", "generate"]
Part = Literal["data", "plans", "models"]


class Column(BaseModel):
    """One task: `best_score` with its 95 % interval on `benchmark` (`benchmark_hash` tells equal ones), in `metric`;
    `training_seconds` of all its trainings together."""

    task: str
    title: str
    type: str
    language: str
    labels: int
    state: State
    metric: str
    threshold: float | None
    baseline: float | None
    rows: dict[str, int] = Field(default_factory=dict)
    versions: int
    current: str | None
    deployed: str | None
    best_version: str | None = None
    best_score: float | None = None
    interval: list[float] | None = None
    met: bool | None = None
    benchmark: str | None = None
    benchmark_hash: str | None = None
    benchmark_rows: int | None = None
    base_model: str | None = None
    training_seconds: float = 0.0


class Comparison(BaseModel):
    """Tasks side by side; `rankable` where their scores were measured alike on the same rows."""

    tasks: list[Column]
    rankable: bool
    verdict: str


class Managed(Answer):
    """What an action did, or would do where `done` is false; `details` are its figures, `job` where it takes longer."""

    task: str = ""
    done: bool = True
    path: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    warnings: list[str] = Field(default_factory=list)
    job: JobView | None = None
