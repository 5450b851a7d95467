"""Starting the jobs of training, once nothing stands against them. Tools and notebooks begin here."""

from __future__ import annotations

from ...resources.job import JobFolder
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.jobs import job_control
from ..compute.machine import LOCAL
from ..compute.worker import worker_python
from ..evaluate.model import trained_version
from . import reproduce, run
from .preflight import require_ready
from .remote_submit import submit_remote


def start_training(
    workspace: Workspace, task: TaskFolder, plan: str | None, machine: str | None = None, confirm: bool = False
) -> JobFolder:
    """Start training a plan (the newest where none is named), here or on another machine.

    Raises:
        NlpSkillsError: something stands against it, or nobody has agreed to its time, memory or price.
    """
    if machine not in (None, LOCAL):
        return submit_remote(workspace, task, plan, machine, confirm)
    name = require_ready(workspace, task, plan, confirm).plan.name
    return job_control.submit(
        workspace, "train", run.ENTRY, ["--plan", name], python=worker_python(workspace), task=task, resumable=True
    )


def start_reproduction(workspace: Workspace, task: TaskFolder, version: str) -> JobFolder:
    """Start training a version again from its snapshot.

    Raises:
        NlpSkillsError: there is no such trained version.
    """
    arguments = [str(task.root), trained_version(task, version).name]
    return job_control.submit(
        workspace, "reproduce", reproduce.ENTRY, arguments, python=worker_python(workspace), task=task, resumable=True
    )
