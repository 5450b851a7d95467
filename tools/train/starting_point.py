"""A version as the model that a training goes on from: `v1` of the same task, `TASK/v1` of another one."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import Text
from ...resources.model_info import BaseVersion
from ...resources.paths import expand_home
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version
from ...resources.workspace import Workspace
from ..compute.environments.base_model import resolve_base_model
from ..evaluate.merge import merged_model, merged_place
from ..evaluate.model import base_path

_VERSION = re.compile(r"(?:(?P<task>[^/\\]+)/)?(?P<version>v[1-9][0-9]*)")


def named_version(workspace: Workspace, name: str, task: TaskFolder | None = None) -> VersionFolder | None:
    """The version that a base model's name means; None where it is a folder's or a hub model's.

    Arguments:
        task: where `v1` alone is looked for.

    Raises:
        TaskError: that task has no such version.
        TrainingError: it was never fully trained.
    """
    found = _VERSION.fullmatch(name)
    if found is None or Path(name).is_dir():
        return None
    if found["task"] and found["task"] not in workspace.task_names():
        return None
    home = workspace.task(found["task"]) if found["task"] else task
    if home is None:
        return None
    chosen = version(home, found["version"])
    if chosen.status() not in ("trained", "evaluated"):
        raise TrainingError(
            Text(
                f"{name} was never fully trained, so no training can start from it.",
                f"{name} 沒有訓練完成，不能當作起點。",
            ),
            Text("Name a trained version, a folder or a hub model.", "請指定訓練完成的版本、資料夾或 Hub 模型。"),
            field="base_model",
        )
    return chosen


def whole_name(workspace: Workspace, task: TaskFolder, name: str) -> str:
    """`name` as it stands in a config: a version with its task, a folder with its whole path."""
    if chosen := named_version(workspace, name, task):
        return f"{chosen.task.name}/{chosen.name}"
    folder = expand_home(name)
    with contextlib.suppress(OSError):  # a name longer than any disk takes
        return str(folder.resolve()) if name and folder.is_dir() else name
    return name


def outward_folder(workspace: Workspace, name: str, recorded: str | None = None) -> Path:
    """A folder that says how large the base model of that name is: its own, or the one that a version was trained on,
    while it is not merged yet.

    Arguments:
        recorded: the hash that the GGUF file of that name had when its name was written down.

    Raises:
        NlpSkillsError: it is not on this machine.
    """
    chosen = named_version(workspace, name)
    if chosen is None:
        return resolve_base_model(workspace, name, recorded)
    merged = merged_place(chosen)
    return merged if merged.is_dir() else base_path(chosen.model_info())


def base_folder_of(workspace: Workspace, name: str, recorded: str | None = None) -> Path:
    """The base model of that name, a version's adapter merged into its own base on first need. For jobs.

    Arguments:
        recorded: the hash that the GGUF file of that name had when its name was written down.

    Raises:
        NlpSkillsError: it is not on this machine, or the version's files are not the committed ones.
    """
    chosen = named_version(workspace, name)
    return merged_model(chosen) if chosen else resolve_base_model(workspace, name, recorded)


def origin(workspace: Workspace, name: str) -> BaseVersion | None:
    """What a version's record says of the version it went on from; None for another base model."""
    chosen = named_version(workspace, name)
    if chosen is None:
        return None
    return BaseVersion(task=chosen.task.name, version=chosen.name, files=chosen.model_info().files)
