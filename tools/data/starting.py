"""Starting the jobs of data, once nothing stands against them. Tools and notebooks begin here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...resources.data_source import load_data_source
from ...resources.job import JobFolder
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.jobs.job_control import submit
from ..compute.worker import light_python
from . import preview
from .agreeing import confirmation_arguments
from .decisions import decisions_of
from .permission import check_permission


def start_preview(
    workspace: Workspace, task: TaskFolder, moved: Sequence[str] = (), confirm: bool = False
) -> JobFolder:
    """Start testing the sources and reading their first rows.

    Arguments:
        moved: names of secrets that were moved out of the definition, for the answer to tell.
        confirm: the person agreed to the price.
    """
    given = [*(["--moved", *moved] if moved else []), *(["--agreed"] if confirm else [])]
    return submit(
        workspace,
        "preview",
        ["-m", preview.MODULE],
        [str(task.root), *given],
        python=light_python(workspace),
        task=task,
    )


def start_preparing(
    workspace: Workspace,
    task: TaskFolder,
    *,
    replace_manual_edits: bool = False,
    source: int | None = None,
    accept: Mapping[str, str] | None = None,
    confirm: bool = False,
) -> JobFolder:
    """Start fetching, cleaning and splitting the rows.

    Arguments:
        replace_manual_edits: the data files changed by hand too; a copy is kept.
        source: fetch only this one, counted from 0.
        accept: blocking finding: the person's reason.
        confirm: the person agreed to the price.

    Raises:
        NlpSkillsError: a source may not be read, a decision is none, or nobody has agreed to the price.
    """
    decisions_of(dict(accept or {}))
    definition = load_data_source(task)
    check_permission(task, definition, source)
    given = [
        *(["--replace-manual-edits"] if replace_manual_edits else []),
        *(part for code, reason in (accept or {}).items() for part in ("--accept", f"{code}={reason}")),
        *([] if source is None else ["--source", str(source)]),
        *confirmation_arguments(task, source, confirm),
    ]
    return submit(
        workspace, "regenerate", [definition.regeneration.script], given, python=light_python(workspace), task=task
    )
