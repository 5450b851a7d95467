"""A task as `create_task` and `update_task` answer it: what stands in `task.yaml`, in short, and what was changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...resources.browsing import reading
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import CLAUSES, Text
from ...resources.foundation.unknown_fields import unknown_field_warnings, unknown_fields
from ...resources.task import Task, TaskFolder
from ...resources.workspace import Workspace
from .answers import TaskAnswer
from .next_step import next_step

if TYPE_CHECKING:
    from .update import Updated

_NEWEST = 5  # notes and decisions shown beside a task; all of them stand at …/notes
_TEXT_CHARACTERS = 400
_LABELS_SHOWN = 60
_CHANGES_SHOWN = 6


@dataclass(frozen=True)
class ShownTasks:
    """A workspace's tasks, and of each the revision that this server showed last."""

    workspace: Workspace
    revisions: dict[Path, str] = field(default_factory=dict)

    def show(self, folder: TaskFolder, message: Text) -> TaskAnswer:
        """The task as it stands."""
        self.revisions[folder.root] = revision = folder.revision()  # before loading: later changes are noticed later
        return _answer(folder, folder.load(), revision, message)

    def show_changes(self, folder: TaskFolder, updated: Updated) -> TaskAnswer:
        """The task after it was changed here, and what was changed."""
        self.revisions[folder.root] = updated.revision
        answer = _answer(folder, updated.task, updated.revision, _said_of_changes(updated))
        return answer.model_copy(
            update={"changed": updated.changed, "warnings": [*answer.warnings, *map(str, updated.warnings)]}
        )


def _answer(folder: TaskFolder, task: Task, revision: str, message: Text) -> TaskAnswer:
    state = folder.state()
    return TaskAnswer(
        message=str(message),
        next_step=next_step(folder.name, state),
        name=folder.name,
        path=str(folder.root),
        state=state,
        revision=revision,
        definition=_definition(folder, task),
        warnings=list(
            map(str, unknown_field_warnings(list(unknown_fields(Task, task.model_dump())), folder.file.name))
        ),
    )


def _definition(folder: TaskFolder, task: Task) -> JsonObject:
    """The task's fields, long ones cut, of notes and decisions the newest; `more` says where the rest is read."""
    content = task.model_dump(mode="json", exclude_none=True)
    whole = {key: value for key, value in content.items() if value not in ({}, [])}
    short = {key: _cut_value(value) for key, value in whole.items()}
    for key in ("notes", "decisions"):
        if key in short:
            short[key] = short[key][-_NEWEST:]
    if "labels" in short:
        short["labels"] = short["labels"][:_LABELS_SHOWN]
    return (
        short
        if short == whole
        else {**short, "more": [f"{reading.SCHEME}tasks/{folder.name}", f"{reading.SCHEME}tasks/{folder.name}/notes"]}
    )


def _cut_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut_value(inner) for inner in value]
    return value[:_TEXT_CHARACTERS] + "…" if isinstance(value, str) and len(value) > _TEXT_CHARACTERS else value


def _said_of_changes(updated: Updated) -> Text:
    """Every field with its value before and after, so that what was overwritten is seen."""
    if not updated.changed:
        return Text("Nothing differs from before.", "與先前相同，沒有變動。")
    fields = updated.changed[:_CHANGES_SHOWN]
    more = f"+{len(updated.changed) - len(fields)}" if len(updated.changed) > len(fields) else None
    said = CLAUSES.join([*(_said_of_change(updated, field) for field in fields), more])
    return Text("Changed ", "已修改 ") + said + Text(".", "。")


def _said_of_change(updated: Updated, field: str) -> Text | str:
    if field in ("notes", "decisions"):
        return field
    nothing = Text("nothing", "（空）")
    before, after = (_value(task, field) or nothing for task in (updated.before, updated.task))
    return Text("{field}: {before} → {after}", "{field}：{before} → {after}").format(
        field=field, before=before, after=after
    )


def _value(task: Task, field: str) -> str:
    """A field's value on one line; "" where it is empty."""
    from .fields import value_at
    from .update import shown_value

    value = value_at(task, field)
    return "" if value is None else shown_value(value)
