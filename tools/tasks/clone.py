"""A second task that begins where another stands: its definition and data source, on request its data and plans.

Versions are not copied: they are what happened to the other task. The lineage of the clone's first versions says
`cloned_from`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ...resources.data_source import load_data_source
from ...resources.foundation.clock import now
from ...resources.foundation.errors import TaskError
from ...resources.foundation.files import lock, read_yaml, write_yaml
from ...resources.foundation.language import Text
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace, check_name
from .create import new_folder
from .naming import free_name
from .project import fill_project

_DATA = ("data/raw", "data/snapshots", "benchmarks")
_WORKING = ("data/current.json", "data/train.jsonl", "data/valid.jsonl", "data/test.jsonl")


def clone(
    workspace: Workspace, source: TaskFolder, name: str = "", *, data: bool = False, plans: bool = False
) -> TaskFolder:
    """Make a task of the same definition and data source under a new name.

    Arguments:
        name: the new folder's name; the next free one if left out.
        data: also the snapshots, the working copies and the frozen benchmarks.
        plans: also the plans in `configs/`, no longer building on versions that are not there.

    Raises:
        TaskError: the name is not portable or is taken (another is offered).
    """
    chosen = check_name(name) if name else free_name(workspace, source.name)
    definition, revision = source.load(), source.revision()
    task = definition.model_copy(
        deep=True,
        update={
            "name": chosen,
            "created": now(),
            "archived": None,
            "cloned_from": {"task": source.name, "revision": revision, "date": now()},
        },
    )

    def fill(root: Path) -> None:
        fill_project(root, task)
        shutil.copyfile(source.data_source_file, root / "data_source.yaml")
        _copy_source_files(source, root)
        if data:
            with lock(source.data / "current.json"):
                _copy_data(source, root)
        if plans:
            _copy_plans(source, root)
        TaskFolder(root).save(task)

    return new_folder(workspace, chosen, fill)


def _copy_data(source: TaskFolder, root: Path) -> None:
    if not (source.data / "current.json").is_file():
        raise TaskError(
            Text(f"{source.name} has no data to copy yet.", f"{source.name} 還沒有資料可以複製。"),
            Text("Clone it without include=['data'].", "請不帶 include=['data'] 再複製一次。"),
            field="include",
        )
    for place in _DATA:
        if (source.root / place).is_dir():
            shutil.copytree(source.root / place, root / place, dirs_exist_ok=True, ignore=_hidden_names)
    for file in _WORKING:
        if (source.root / file).is_file():
            shutil.copyfile(source.root / file, root / file)


def _copy_plans(source: TaskFolder, root: Path) -> None:
    for file in sorted(source.configs.glob("*.yaml")):
        content = read_yaml(file)
        if isinstance(content, dict) and content.get("parent"):
            write_yaml(root / "configs" / file.name, {**content, "parent": None})
        else:
            shutil.copyfile(file, root / "configs" / file.name)


def _copy_source_files(source: TaskFolder, root: Path) -> None:
    """The files a data source names relative to its task go along, else the clone could not fetch again."""
    for described in load_data_source(source).sources:
        named = str((described.model_extra or {}).get("path") or "")
        file = (source.root / named).resolve() if named and not Path(named).expanduser().is_absolute() else None
        if file is not None and file.is_file() and file.is_relative_to(source.root):
            target = root / file.relative_to(source.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _hidden_names(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith(".")}
