"""Completions: what an argument of an address or of a prompt may be, by the argument's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..foundation.language import LANGUAGES
from ..job import job_folders
from ..knowledge import page_names, skill_names
from ..promotion import current_version
from ..version import version_numbers
from ..workspace import Workspace

MOST = 100  # values of one answer, as the protocol allows


def complete(workspace: Workspace, argument: str, value: str, known: Mapping[str, str]) -> list[str]:
    """The values `argument` may take, those that begin with `value` first, then those that contain it.

    Arguments:
        argument: `task`, `version` (also `a`, `b`), `job_id`, `skill`, `page` or `language`; any other has none.
        known: the arguments already filled in, such as the task whose versions are wanted.
    """
    offered = _OFFERS.get(argument)
    if offered is None:
        return []
    typed = value.casefold()
    candidates = [name for name in offered(workspace, known) if typed in name.casefold()]
    return sorted(candidates, key=lambda name: not name.casefold().startswith(typed))


def _tasks(workspace: Workspace, _known: Mapping[str, str]) -> list[str]:
    return workspace.task_names()


def _versions(workspace: Workspace, known: Mapping[str, str]) -> list[str]:
    named = known.get("task", "")
    if named not in workspace.task_names():  # it is still being typed
        return []
    folder = workspace.task(named)
    numbers = version_numbers(folder)
    return [
        *(f"v{number}" for number in reversed(numbers)),
        *(["latest"] if numbers else []),
        *(["current"] if current_version(folder) else []),
    ]


def _jobs(workspace: Workspace, known: Mapping[str, str]) -> list[str]:
    named = known.get("task")
    if named and named not in workspace.task_names():
        return []
    return [job.id for job in job_folders(workspace, workspace.task(named) if named else None)]


def _skills(_workspace: Workspace, _known: Mapping[str, str]) -> list[str]:
    return skill_names()


def _pages(_workspace: Workspace, known: Mapping[str, str]) -> list[str]:
    skill = known.get("skill", "")
    return page_names(skill) if skill in skill_names() else []


def _languages(_workspace: Workspace, _known: Mapping[str, str]) -> list[str]:
    return list(LANGUAGES)


_OFFERS: dict[str, Callable[[Workspace, Mapping[str, str]], list[str]]] = {
    "task": _tasks,
    "version": _versions,
    "a": _versions,
    "b": _versions,
    "job_id": _jobs,
    "skill": _skills,
    "page": _pages,
    "language": _languages,
}
