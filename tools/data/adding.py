"""The call that adds a source to those that stand: `set_data_source` takes the whole list."""

from __future__ import annotations

from ...resources.browsing.contents import without_secrets
from ...resources.data_source import DataSource
from ...resources.foundation.json_object import JsonObject
from ...resources.task import Task
from .task_kind import task_kind


def arguments_with(task: str, standing: DataSource, *added: JsonObject) -> JsonObject | None:
    """The arguments of `set_data_source` that keep every source and add some; None where a standing source shows a
    secret, which must not pass through a client (`set_data_source` without sources moves it to the store)."""
    kept = [source.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for source in standing.sources]
    if without_secrets(kept) != kept:
        return None
    return {"task": task, "sources": [*kept, *added]}


def file_to_add(task: Task | None, path: str | None = None) -> JsonObject:
    """A file source with its `<…>` to be filled in by the person."""
    roles = task_kind(task.type if task else "classification").roles
    return {
        "type": "file",
        "path": path or "<absolute path of the reviewed file>",
        "mapping": dict.fromkeys(roles, "<its column>"),
    }
