"""What a task's sources need the person's permission for: asked for all of them in one question, before anything is read."""

from __future__ import annotations

from ...resources.access import Need, refusal, require
from ...resources.data_source import DataSource
from ...resources.paths import inbox
from ...resources.task import TaskFolder
from .sources import source_kind


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
    for number, described in enumerate(data_source.sources):
        if source is None or number == source:
            missing = source_kind(described, number).needs(task.root, f"sources[{number}]")
            field = field or (f"sources[{number}]" if missing else "")
            needs += missing
    if needs:
        require(refusal(needs, field, inbox(task.root.parent)))
