"""Tasks in a list: one row each, cheap enough for a workspace of a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from .errors import TaskError
from .language import Language
from .task import State, TaskFolder, TaskType
from .version import VersionFolder, version_numbers
from .workspace import Workspace


class TaskRow(BaseModel):
    """One task in a list; `problem` says what is wrong with a `task.yaml` that cannot be read.

    `best_macro_f1` is the best value among the versions measured on the benchmark of the newest evaluation:
    figures of different test sets are never ranked against each other.
    """

    name: str
    title: str = ""
    type: TaskType | None = None
    state: State | None = None
    language: Language | None = None
    versions: int = 0
    best_macro_f1: float | None = None
    best_version: str | None = None
    deployed: str | None = None
    updated: str | None = None
    path: str
    problem: str | None = None


class Page(NamedTuple):
    """Some rows; `next_cursor` asks for those after them; `total` is the number of all tasks, matching or not."""

    rows: list[TaskRow]
    next_cursor: str | None
    total: int


def list_tasks(
    workspace: Workspace, state: State | None = None, query: str | None = None, limit: int = 20,
    cursor: str | None = None,
) -> Page:
    """One page of the tasks, in the order of their names.

    Arguments:
        state: only tasks in that derived state.
        query: words that must all occur in the name, title, goal, pain point or labels (case ignored).
        cursor: the `next_cursor` of the page before; a task deleted in between does no harm.
    """
    names = workspace.task_names()
    matching = (
        folder
        for folder in (TaskFolder(workspace.root / name) for name in names if cursor is None or name > cursor)
        if _mentions(folder, query) and (state is None or _state_or_none(folder) == state)
    )
    found: list[TaskFolder] = []
    for folder in matching:  # one more than asked for tells whether a next page exists
        found.append(folder)
        if len(found) > limit:
            break
    shown = found[:limit]
    next_cursor = shown[-1].name if len(found) > limit else None
    return Page([task_row(folder) for folder in shown], next_cursor, len(names))


def task_row(folder: TaskFolder) -> TaskRow:
    """The row of one task, from its files."""
    numbers = version_numbers(folder)
    row = TaskRow(name=folder.name, path=str(folder.root), versions=len(numbers), updated=updated(folder))
    try:
        task = folder.load()
    except TaskError as error:
        row.problem = str(error)
        return row
    row.title, row.type, row.language, row.state = task.title, task.type, task.language, folder.state()
    if best := best_version(folder):
        row.best_version, row.best_macro_f1 = best
    row.deployed = (folder.current_deployment() or {}).get("version")
    return row


def best_version(folder: TaskFolder) -> tuple[str, float] | None:
    """The version with the best macro-F1 on the benchmark of the newest evaluation, and that value."""
    versions = (VersionFolder(folder, number) for number in version_numbers(folder))
    recorded = {version.name: evaluations for version in versions if (evaluations := version.evaluations())}
    newest = max((evaluations[-1] for evaluations in recorded.values()), key=_created, default=None)
    if newest is None:
        return None
    measured = [(name, value) for name, evaluations in recorded.items()
                if (value := _macro_f1_on(newest["benchmark"]["hash"], evaluations)) is not None]
    return max(measured, key=lambda pair: pair[1], default=None)


def updated(folder: TaskFolder) -> str | None:
    """When the task last changed (ISO 8601, UTC), by the times of the files every change touches."""
    watched = [folder.file, folder.data_source_file, folder.data / "current.json",
               folder.deployments / "current.json", folder.configs, folder.versions]
    times = [path.stat().st_mtime for path in [*watched, *_newest_version_files(folder)] if path.exists()]
    return datetime.fromtimestamp(max(times), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if times else None


def _newest_version_files(folder: TaskFolder) -> Iterator[Path]:
    for number in version_numbers(folder)[-1:]:
        version = VersionFolder(folder, number)
        yield from (version.root, version.results_file)


def _state_or_none(folder: TaskFolder) -> State | None:
    try:
        return folder.state()
    except TaskError:
        return None


def _mentions(folder: TaskFolder, query: str | None) -> bool:
    words = (query or "").casefold().split()
    if not words:
        return True
    try:
        task = folder.load()
    except TaskError:
        said = folder.name
    else:
        said = "\n".join([folder.name, task.title, task.goal or "", task.pain_point or "", *task.labels])
    return all(word in said.casefold() for word in words)


def _created(evaluation: dict[str, Any]) -> str:
    return str(evaluation.get("created", ""))


def _macro_f1_on(benchmark_hash: str, evaluations: list[dict[str, Any]]) -> float | None:
    for evaluation in reversed(evaluations):
        if evaluation["benchmark"]["hash"] == benchmark_hash:
            value = (evaluation.get("metrics", {}).get("macro_f1") or {}).get("value")
            return None if value is None else round(float(value), 4)
    return None
