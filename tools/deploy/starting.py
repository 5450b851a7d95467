"""Starting a deployment, once nothing that needs no machine stands against it. The tool and notebooks begin here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...resources.job import JobFolder
from ...resources.removal import require_model
from ...resources.task import TaskFolder
from ...resources.version import version as find_version
from ...resources.workspace import Workspace
from ..compute.jobs import job_control
from ..compute.worker import worker_python
from . import run
from .gates import criteria_gate
from .overrides import Override, opened_gate
from .target import target as find_target


def start_deployment(
    workspace: Workspace,
    task: TaskFolder,
    version: str,
    target: str,
    settings: Mapping[str, Any],
    override_reason: str = "",
    restores: str | None = None,
) -> JobFolder:
    """Start deploying a version.

    Arguments:
        settings: of the target; secrets in them are references already.
        override_reason: the person's reason to pass a gate.
        restores: the deployment that a roll-back brings back, past gates it had passed.

    Raises:
        NlpSkillsError: there is no such version, model or target, or a gate is closed.
    """
    chosen, given = find_version(task, version), dict(settings)
    find_target(target, given)
    require_model(chosen)
    arguments = [str(task.root), "--version", chosen.name, "--target", target]
    opens = ""
    if not restores:  # gates that need no machine are asked before anything is started
        opens = opened_gate(chosen, target)
        criteria_gate(task.load(), chosen, Override(chosen, target, override_reason, opens))
    if given:
        arguments += ["--settings", json.dumps(given, ensure_ascii=False)]
    if override_reason and not restores:
        arguments += ["--override", override_reason, "--opens", opens]
    if restores:
        arguments += ["--restores", restores]
    return job_control.submit(
        workspace, "deploy", run.ENTRY, arguments, python=worker_python(workspace), task=task, resumable=True
    )
