"""Creating a task: the whole project appears at once, or nothing does."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...resources.foundation.access import forget_rows
from ...resources.foundation.clock import now
from ...resources.foundation.errors import TaskError
from ...resources.foundation.files import describing_disk_errors, lock
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Language, Text
from ...resources.task import Task, TaskFolder, TaskType
from ...resources.workspace import Workspace, slug
from .fields import with_changes
from .naming import checked_title, folder_name, free_name
from .project import fill_project

_UNFINISHED = re.compile(r"\.[a-z0-9-]+\.[0-9a-f]{8}\.tmp")
_UNFINISHED_AGE_SECONDS = 3600.0


class Created(NamedTuple):
    """A new task; `derived` when its folder name was made up because the title gives none."""

    folder: TaskFolder
    task: Task
    derived: bool


def create_task(
    workspace: Workspace,
    title: str,
    type: TaskType,
    language: Language,
    *,
    name: str | None = None,
    goal: str | None = None,
    pain_point: str | None = None,
    current_method: str | None = None,
    impact: str | None = None,
    labels: Sequence[str] = (),
    success_criteria: Mapping[str, Any] | None = None,
    constraints: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Created:
    """Create a task and its self-contained project.

    Arguments:
        title: any text on one line.
        language: of the data, and of what the project says to people.
        name: the folder's name; derived from the title where it is missing.
        labels: in the order they should be shown; may wait until the data is known.
        success_criteria: `{metric, threshold, baseline}`, scores between 0 and 1.
        constraints: `{hardware, budget, privacy, latency_ms, deadline, deployment}`.
        more: further fields of `task.yaml`: `{affected, example, resources: {…}, versioning: {…}}`.

    Raises:
        TaskError: a field is wrong, or the folder's name is taken.
    """
    title = checked_title(title)
    chosen = folder_name(title, type, name)
    wanted: JsonObject = {**(more or {}), "title": title, "type": type, "language": language, "labels": list(labels)}
    said = {"goal": goal, "pain_point": pain_point, "current_method": current_method, "impact": impact}
    groups = {"success_criteria": success_criteria or {}, "constraints": constraints or {}}
    wanted |= {field: value for field, value in {**said, **groups}.items() if value}
    task = with_changes(Task(name=chosen, created=now()), wanted)

    folder = new_folder(workspace, chosen, lambda root: _fill(root, task))
    return Created(folder, task, derived=not name and chosen != slug(title))


def new_folder(workspace: Workspace, name: str, fill: Callable[[Path], None]) -> TaskFolder:
    """Make the folder of a new task appear whole: `fill` writes a hidden sibling, which is then renamed. A kill leaves
    the whole task or none.

    Raises:
        TaskError: the name is taken; a free one is offered.
    """
    final = workspace.root / name
    temporary = final.with_name(f".{name}.{uuid.uuid4().hex[:8]}.tmp")
    with describing_disk_errors(workspace.root):
        workspace.root.mkdir(parents=True, exist_ok=True)
        _clear_unfinished(workspace.root)
        try:
            _require_free(workspace, final)
            temporary.mkdir()
            fill(temporary)
            with lock(workspace.root / ".nlp-skills" / "create"):
                _require_free(workspace, final)
                forget_rows(name)
                os.rename(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return TaskFolder(final)


def _fill(root: Path, task: Task) -> None:
    fill_project(root, task)
    TaskFolder(root).save(task)


def _require_free(workspace: Workspace, final: Path) -> None:
    if not final.exists():
        return
    free = free_name(workspace, final.name)
    is_task = (final / "task.yaml").is_file()
    what = (
        Text("A task of that name already exists", "已有同名的任務")
        if is_task
        else Text("A folder of that name already exists", "已有同名的資料夾")
    )
    raise TaskError(
        what + Text(f": {final}", f"：{final}"),
        Text(
            f"Carry on with it (update_task, read_resource), or call again with name={free!r}."
            if is_task
            else f"Call again with name={free!r}.",
            f"請繼續使用它（update_task、read_resource），或改用 name={free!r} 再呼叫一次。"
            if is_task
            else f"請改用 name={free!r} 再呼叫一次。",
        ),
        field="name",
        details={"path": str(final), "suggestion": free},
    )


def _clear_unfinished(root: Path) -> None:
    """Remove what a creation that was killed left behind; it was never a task."""
    for entry in root.iterdir():
        old = _UNFINISHED.fullmatch(entry.name) and time.time() - entry.stat().st_mtime > _UNFINISHED_AGE_SECONDS
        if old and entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
