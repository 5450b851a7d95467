"""What the tools of tasks answer with. Kept apart from the work: the server describes them when it starts."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, Field

from ...resources.answer import OPEN_GROUP, Answer, JobView
from ...resources.browsing.listing import TaskRow
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language
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


class KeptStep(TypedDict):
    """A next step as a job keeps it, in both languages."""

    tool: str
    arguments: JsonObject  # the tool's own
    say: dict[str, str]


class ExportResult(TypedDict):
    """What an export came to."""

    path: str
    bytes: int
    sha256: str
    files: int
    models: bool
    left_out: list[str]


class ImportResult(TypedDict):
    """What an import came to; `set_aside` is code that nothing runs."""

    task: str
    path: str
    files: int
    bytes: int
    without_model: list[str]
    set_aside: list[str]


class Managed(Answer):
    """What an action did, or would do where `done` is false; `details` are its figures, `job` where it takes longer."""

    task: str = ""
    done: bool = True
    path: str | None = None
    details: JsonObject = Field(default_factory=dict)  # each action's own, such as `ExportResult`
    warnings: list[str] = Field(default_factory=list)
    job: JobView | None = None


class TaskAnswer(Answer):
    """One task: where it stands on disk, its derived state, and `revision`, which names the `task.yaml` just seen."""

    name: str
    path: str
    state: State
    revision: str
    definition: JsonObject
    changed: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


class TaskList(Answer):
    """One page of tasks, or some side by side; `total` counts all tasks but the `archived` ones."""

    tasks: list[TaskRow] = Field(default_factory=list)
    comparison: Annotated[Comparison | None, OPEN_GROUP] = None
    total: int = 0
    archived: int = 0
    next_cursor: str | None = None
    workspace: str


class Passage(BaseModel):
    """A page that answers a search; read it whole at `uri`."""

    uri: str
    title: str
    passage: str
    language: Language


class ReadingAnswer(Answer):
    """One page of a resource, or what a search found; `next_offset` asks for what follows."""

    uri: str = ""
    mime_type: str = ""
    text: str = ""
    characters: int = 0
    found: list[Passage] = Field(default_factory=list)
    next_offset: int | None = None
