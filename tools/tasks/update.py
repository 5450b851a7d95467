"""Changing a task: validated, under its lock, never against somebody else's newer state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...resources.clock import now
from ...resources.language import Text
from ...resources.task import Decision, Task, TaskFolder
from .fields import differences, with_changes
from .project import refresh_decisions

_FROZEN = ("labels", "type", "language")


class Updated(NamedTuple):
    """The task as it now stands, the fields that changed, and what the person should know about it."""

    task: Task
    changed: list[str]
    warnings: list[Text]


def update_task(
    folder: TaskFolder,
    changes: Mapping[str, Any] | None = None,
    *,
    decision: str | None = None,
    reason: str | None = None,
    note: str | None = None,
    revision: str | None = None,
    archived: bool | None = None,
) -> Updated:
    """Change `task.yaml`.

    Arguments:
        changes: dotted field → new value, see `fields.with_changes`.
        decision: one choice to record, `reason` saying why.
        note: one sentence to keep.
        revision: the revision the caller read; a newer one on disk is a conflict.
        archived: put the task away, or bring it back.

    Raises:
        TaskError: a field is unknown or a value does not fit; nothing was changed.
        ConflictError: somebody else changed the task since `revision`, or is changing it now.
    """
    with folder.change(revision) as task:
        before = task.model_copy(deep=True)
        after = with_changes(task, changes or {})
        warnings = _warnings(folder, before, after)
        if decision:
            after.decisions = [*after.decisions, Decision(what=decision, why=reason or "", date=now())]
        if warnings:
            what = "; ".join(f"{name}: {getattr(before, name)} → {getattr(after, name)}"
                             for name in _FROZEN if getattr(before, name) != getattr(after, name))
            after.decisions = [*after.decisions, Decision(what=what, why=reason or "", date=now())]
        if note:
            after.notes = [*after.notes, note]
        if archived is not None:
            after.archived = (before.archived or now()) if archived else None
        _put(after, task)
    changed = differences(before, after)
    if "decisions" in changed:
        refresh_decisions(folder, after)
    return Updated(after, changed, warnings)


def _put(source: Task, target: Task) -> None:
    """Make `target`, which is about to be saved, say what `source` says."""
    for name in (*type(source).model_fields, *(source.model_extra or {})):
        setattr(target, name, getattr(source, name))
    for name in set(target.model_extra or {}) - set(source.model_extra or {}):
        delattr(target, name)


def _warnings(folder: TaskFolder, before: Task, after: Task) -> list[Text]:
    """Changes that reach into data already frozen are allowed and said aloud."""
    if not (folder.data / "current.json").is_file():
        return []
    touched = [name for name in _FROZEN if getattr(before, name) != getattr(after, name)]
    if not touched:
        return []
    fields = ", ".join(touched)
    return [Text(
        f"The data is already frozen, and {fields} changed under it: validate again with prepare_data before training. "
        "Versions already trained keep the old labels, and their scores do not compare with new ones.",
        f"資料已經凍結，而 {fields} 有變動：訓練前請再用 prepare_data 驗證一次。"
        "已訓練的版本仍使用舊的標籤，分數不能與新版本直接比較。",
    )]
