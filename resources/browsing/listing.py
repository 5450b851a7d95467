"""Tasks in a list: one row each, cheap enough for a workspace of a thousand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from ..foundation.errors import NlpSkillsError, TaskError
from ..foundation.language import Language
from ..job import ACTIVE_STATES, JobFolder, JobState
from ..promotion import current_file, current_version
from ..score import best_version, reaches
from ..task import State, Task, TaskFolder, TaskType
from ..version import VersionFolder, version_numbers
from ..workspace import Workspace

_JOBS_LOOKED_AT = 5
_PUT_AWAY = re.compile(rb"^archived:[ \t]*(?!null|~|$|#)\S", re.MULTILINE)


class TaskRow(BaseModel):
    """One task in a list; `problem` says what is wrong with a file of it that cannot be read.

    `best_score` is the best value of the task's own `metric` among the versions measured on the benchmark of the newest
    evaluation: figures of different test sets are never ranked against each other. `threshold` is the person's goal;
    `job` is queued or running where one of its jobs is.
    """

    name: str
    title: str = ""
    type: TaskType | None = None
    state: State | None = None
    language: Language | None = None
    versions: int = 0
    metric: str | None = None
    best_score: float | None = None
    threshold: float | None = None
    met: bool | None = None
    best_version: str | None = None
    current: str | None = None
    deployed: str | None = None
    job: JobState | None = None
    updated: str | None = None
    path: str
    problem: str | None = None


class Page(NamedTuple):
    """Some rows; `next_cursor` asks for those after them; `total` is the number of all tasks, matching or not, but for
    the `archived` ones, which are listed only where that state is asked for."""

    rows: list[TaskRow]
    next_cursor: str | None
    total: int
    archived: int


def list_tasks(
    workspace: Workspace,
    state: State | None = None,
    query: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Page:
    """One page of the tasks, in the order of their names; archived ones only where that state is asked for.

    Arguments:
        state: only tasks in that derived state.
        query: words that must all occur in the name, title, goal, pain point or labels (case ignored).
        cursor: the `next_cursor` of the page before; a task deleted in between does no harm.
    """
    put_away, at_work = _partition_tasks(workspace)
    names = put_away if state == "archived" else at_work
    matching = (
        folder
        for folder in (TaskFolder(workspace.root / name) for name in names if cursor is None or name > cursor)
        if _mentions(folder, query) and (state in (None, "archived") or _state_or_none(folder) == state)
    )
    found: list[TaskFolder] = []
    for folder in matching:  # one more than asked for tells whether a next page exists
        found.append(folder)
        if len(found) > limit:
            break
    shown = found[:limit]
    next_cursor = shown[-1].name if len(found) > limit else None
    return Page([task_row(folder) for folder in shown], next_cursor, len(at_work), len(put_away))


def task_row(folder: TaskFolder) -> TaskRow:
    """The row of one task, from its files."""
    numbers = version_numbers(folder)
    row = TaskRow(name=folder.name, path=str(folder.root), versions=len(numbers), updated=last_updated(folder))
    try:
        task = folder.load()
    except TaskError as error:
        row.problem = str(error)
        return row
    try:
        _fill(row, folder, task)
    except NlpSkillsError as error:  # a record that was changed into something else: the other tasks are listed
        row.problem = str(error)
    return row


def _fill(row: TaskRow, folder: TaskFolder, task: Task) -> None:
    row.title, row.type, row.language, row.state = task.title, task.type, task.language, folder.state()
    row.metric, row.threshold = task.metric, task.success_criteria.threshold
    if best := best_version(folder, row.metric):
        row.best_version, row.best_score = best.version, round(best.score, 4)
        row.met = None if row.threshold is None else reaches(row.metric, best.score, row.threshold)
    row.current = current_version(folder)
    row.deployed = folder.deployed_version()
    row.job = _at_work(folder)


def _at_work(folder: TaskFolder) -> JobState | None:
    """The state of its newest jobs: running where one of them runs, else queued where one waits."""
    if not folder.jobs.is_dir():
        return None
    entries = sorted((entry for entry in folder.jobs.iterdir() if (entry / "spec.json").is_file()), reverse=True)
    states = {JobFolder(entry).state() for entry in entries[:_JOBS_LOOKED_AT]}
    return next((state for state in reversed(ACTIVE_STATES) if state in states), None)


def last_updated(folder: TaskFolder) -> str | None:
    """When the task last changed (ISO 8601, UTC), by the times of the files every change touches."""
    watched = [
        folder.file,
        folder.data_source_file,
        folder.data / "current.json",
        current_file(folder),
        folder.deployments / "current.json",
        folder.configs,
        folder.versions,
    ]
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


def _partition_tasks(workspace: Workspace) -> tuple[list[str], list[str]]:
    """The names of the archived tasks and of the others, without parsing a file that cannot be archived."""
    put_away: list[str] = []
    at_work: list[str] = []
    for name in workspace.task_names():
        (put_away if _is_archived(workspace.root / name / "task.yaml") else at_work).append(name)
    return put_away, at_work


def _is_archived(file: Path) -> bool:
    content = file.read_bytes()
    if b"archived" not in content:
        return False
    if content.lstrip().startswith(b"{"):  # written by hand in YAML's other style
        return _state_or_none(TaskFolder(file.parent)) == "archived"
    return _PUT_AWAY.search(content) is not None
