"""What a task's sources need the person's permission for: asked for all of them in one question, before anything is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ...resources.data_source import DataSource, load_data_source
from ...resources.foundation.access import Need, read_grants, refusal, require
from ...resources.foundation.errors import NlpSkillsError
from ...resources.paths import inbox, is_on_premise, resolved_path
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from .source import SourceKind, source_kind


def check_permission(task: TaskFolder, data_source: DataSource, source: int | None = None) -> None:
    """Nothing, where everything the sources read, reach and send is allowed.

    Arguments:
        source: look at this one alone.

    Raises:
        AccessError: with everything that is missing, to be asked once; or a source asks for what is never read.
        DataSourceError: a source is misdescribed.
    """
    needs: list[Need] = []
    field = ""
    private = list(_private_origins(task))
    for number, described in enumerate(data_source.sources):
        if source is None or number == source:
            kind = source_kind(described, number)
            missing = kind.needs(task.root, f"sources[{number}]") or _borrowed_permissions(kind, task, private)
            field = field or (f"sources[{number}]" if missing else "")
            needs += missing
    if needs:
        require(refusal(needs, field, inbox(task.root.parent)))


def _private_origins(task: TaskFolder) -> Iterator[tuple[str, str, Path]]:
    """What other tasks that stay on-premise read: the task, its source's type, and where that leads. An on-premise task
    shows no more of it than they do."""
    if is_on_premise(task.root):
        return
    for other in Workspace(task.root.parent).tasks():
        if other.root != task.root and is_on_premise(other.root):
            with contextlib.suppress(NlpSkillsError):  # what it reads cannot be told, nor read
                for number, described in enumerate(load_data_source(other).sources):
                    kind = source_kind(described, number)
                    yield other.name, kind.type, _place(kind, other)


def _borrowed_permissions(kind: SourceKind, task: TaskFolder, private: list[tuple[str, str, Path]]) -> list[Need]:
    """The permissions that are missing because on-premise tasks read the same: here its rows would be shown."""
    place, grants = _place(kind, task), read_grants()
    needs = (
        Need(kind="rows", subject=name)
        for name, of_type, there in private
        if of_type == kind.type and (place.is_relative_to(there) or there.is_relative_to(place))
    )
    return [need for need in dict.fromkeys(needs) if not grants.covers(need)]


def _place(kind: SourceKind, task: TaskFolder) -> Path:
    """Where it reads, as a path: files, links resolved; of a pattern the folder it starts in."""
    parts = Path(kind.origin(task.root)).parts
    wild = next(
        (number for number, part in enumerate(parts) if kind.type == "file" and set("*?[") & {*part}), len(parts)
    )
    place = Path(*parts[:wild])
    return resolved_path(place) if place.is_absolute() else place
