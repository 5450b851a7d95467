"""Making room: the models of versions that nothing needs any more, and what can be made again, go; records never do.

Kept are the newest versions, the best, the current one and the one before it, the deployed one, and every version whose
model another kept one was trained on. Removed are `models/vN/`, checkpoints and `.cache/`. `versions/`, snapshots and
benchmarks are never touched, so what goes can be trained again with `reproduce`.

Each version goes by one rename after its record was written: killed at any point, a model is whole or gone, and the next
call finishes what was left.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from ...resources.foundation.errors import JobError, TaskError
from ...resources.foundation.files import describing_disk_errors, lock
from ...resources.foundation.language import Text
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.promotion import current_version, previous_version
from ...resources.removal import model_stands, record_removal
from ...resources.score import best_version
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers

RECENT = 3
_LEFTOVER = re.compile(r"\.(removed|gone)-.+")
_TRAINED = ("trained", "evaluated")
_RECENT = Text("recent", "最近的版本")
_BEST = Text("best score", "分數最好")
_CURRENT = Text("current", "目前版本")
_BEFORE = Text("to roll back to", "可退回的版本")
_DEPLOYED = Text("deployed", "部署中")
_WHY = Text("it was removed to free space", "為了騰出空間已清理")


class Kept(BaseModel):
    """A version whose model stays, and why."""

    version: str
    why: list[str]


class Removed(BaseModel):
    """Something that goes (or went): its path below the task and the bytes that become free."""

    path: str
    what: str
    bytes: int


class Tidied(BaseModel):
    """What tidying keeps and removes; only looked at where `done` is false."""

    done: bool
    keep: int
    kept: list[Kept]
    removed: list[Removed] = Field(default_factory=list)
    bytes: int = 0


def tidy(folder: TaskFolder, keep: int = RECENT, confirm: bool = False) -> Tidied:
    """Remove what nothing needs any more, or say what that would be.

    Arguments:
        keep: how many of the newest trained versions stay, at least 1.
        confirm: do it; else only look.

    Raises:
        TaskError: `keep` is below 1.
        JobError: a job of the task is at work, which may need what would go.
    """
    if keep < 1:
        raise TaskError(
            Text("At least one version stays.", "至少要保留一個版本。"),
            Text("Call with keep=1 or more.", "請用 keep=1 以上再呼叫。"),
            field="keep",
        )
    with lock(folder.models / "tidy"):
        needed = needed_versions(folder, keep)
        going = list(_going(folder, needed))
        told = Tidied(
            done=confirm,
            keep=keep,
            bytes=sum(one.bytes for one in going),
            removed=going,
            kept=[Kept(version=name, why=[str(one) for one in why]) for name, why in needed.items()],
        )
        if confirm and going:
            refuse_beside_work(folder)
            # What needs no record goes first: on a full disk that makes the room for the records.
            for one in sorted(going, key=lambda one: _is_model(folder, folder.root / one.path)):
                _remove(folder, one)
    return told


def needed_versions(folder: TaskFolder, keep: int = RECENT) -> dict[str, list[Text]]:
    """The versions whose models stay, newest first, each with every reason."""
    versions = [VersionFolder(folder, number) for number in reversed(version_numbers(folder))]
    trained = {version.name: version for version in versions if version.status() in _TRAINED}
    why: dict[str, list[Text]] = {name: [] for name in trained}
    best = best_version(folder, folder.load().metric)
    deployed = folder.deployed_version()
    chosen = [
        *((name, _RECENT) for name in list(trained)[:keep]),
        (best.version if best else None, _BEST),
        (current_version(folder), _CURRENT),
        (previous_version(folder), _BEFORE),
        (deployed, _DEPLOYED),
    ]
    for name, reason in chosen:
        if name in why:
            why[name].append(reason)
    for name in [known for known in why if why[known]]:
        for below in _built_on(folder, trained, name):
            reason = Text(f"{name} was trained on it", f"{name} 由它訓練而來")
            if reason not in why[below]:
                why[below].append(reason)
    return {name: reasons for name, reasons in why.items() if reasons}


def _built_on(folder: TaskFolder, trained: dict[str, VersionFolder], name: str) -> list[str]:
    """The versions whose model files `name` was trained from, directly or through others. A parent that only lent its
    settings is not among them: those stand in `versions/`."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        for below in _bases(folder, trained[waiting.pop()]):
            if below in trained and below not in found and below != name:
                found.append(below)
                waiting.append(below)
    return found


def _bases(folder: TaskFolder, version: VersionFolder) -> Iterator[str]:
    for path in (*_texts(version.config().to_dict()), *_texts(version.model_info().base_model.to_dict())):
        place = Path(path) if Path(path).is_absolute() else folder.root / path
        if place.is_relative_to(folder.models) and place != folder.models:
            yield place.relative_to(folder.models).parts[0]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) and len(value) < 4096 and "\0" not in value:
        yield value


def _going(folder: TaskFolder, needed: Iterable[str]) -> Iterator[Removed]:
    kept = set(needed)
    for number in version_numbers(folder):
        version = VersionFolder(folder, number)
        if version.models.is_dir() and version.name not in kept and version.status() != "reserved":
            what = (
                Text("model of {version}", "{version} 的模型").format(version=version.name)
                if version.status() in _TRAINED
                else Text(
                    "checkpoints of a training that did not finish ({version})", "{version} 的未完成訓練的檢查點"
                ).format(version=version.name)
            )
            yield _remove_path(folder, version.models, what)
        elif version.name in kept:
            yield from _spare_parts(folder, version)
    if folder.models.is_dir():
        for entry in sorted(folder.models.iterdir()):
            if _LEFTOVER.fullmatch(entry.name) and entry.is_dir():
                yield _remove_path(folder, entry, Text("left by an interrupted tidy", "上次清理中斷留下的檔案"))
    if folder.cache.is_dir() and any(folder.cache.iterdir()):
        yield _remove_path(folder, folder.cache, Text("caches, made again when needed", "快取，需要時會重做"))


def _spare_parts(folder: TaskFolder, version: VersionFolder) -> Iterator[Removed]:
    """What a version that stays can do without: checkpoints, and its merged model where that is not answering now."""
    deployed = folder.deployed_version() == version.name
    parts = {
        "checkpoints": Text("checkpoints", "檢查點"),
        "merged": Text("merged model", "合併後的模型（部署時會重做）"),
    }
    for name, what in parts.items():
        path = version.models / name
        committed = any(
            file.startswith(f"{path.relative_to(folder.root).as_posix()}/") for file in version.model_info().files
        )
        if path.is_dir() and not committed and not (deployed and name == "merged"):
            of_version = Text("{what} of {version}", "{version} 的{what}").format(what=what, version=version.name)
            yield _remove_path(folder, path, of_version)


def _remove_path(folder: TaskFolder, path: Path, what: Text) -> Removed:
    return Removed(path=path.relative_to(folder.root).as_posix(), what=str(what), bytes=bytes_below(path))


def bytes_below(path: Path) -> int:
    """What removing a folder would free: every file once, however many names inside it has; links are not followed."""
    seen: dict[tuple[int, int], int] = {}
    for root, _, files in os.walk(path):
        for name in files:
            found = (Path(root) / name).lstat()
            seen[found.st_dev, found.st_ino] = found.st_size
    return sum(seen.values())


def _is_model(folder: TaskFolder, path: Path) -> bool:
    return path.parent == folder.models and not _LEFTOVER.fullmatch(path.name)


def _remove(folder: TaskFolder, one: Removed) -> None:
    path = folder.root / one.path
    if _is_model(folder, path):
        version = VersionFolder(folder, int(path.name[1:]))
        if model_stands(version):
            record_removal(version, _WHY, one.bytes)
    with describing_disk_errors(path):
        if _LEFTOVER.fullmatch(path.name):
            aside = path
        else:
            aside = folder.models / f".removed-{path.name.lstrip('.')}-{uuid.uuid4().hex[:8]}"
            folder.models.mkdir(exist_ok=True)
            os.rename(path, aside)
        shutil.rmtree(aside)


def refuse_beside_work(folder: TaskFolder, own_job: str = "") -> None:
    """Refuse while a job of the task is changing its files.

    Arguments:
        own_job: the job that asks.

    Raises:
        JobError: names the job.
    """
    jobs = [JobFolder(entry) for entry in (folder.jobs.iterdir() if folder.jobs.is_dir() else ())]
    running = [job for job in jobs if job.id != own_job and job.spec_file.is_file() and job.state() in ACTIVE_STATES]
    if running:
        raise JobError(
            Text(
                f"Job {running[0].id} of {folder.name} is working on its files.",
                f"{folder.name} 的工作 {running[0].id} 正在使用這些檔案。",
            ),
            Text(
                f"Wait for it with job_status(job_id={running[0].id!r}), then call again.",
                f"請用 job_status(job_id={running[0].id!r}) 等它結束，再呼叫一次。",
            ),
            field="task",
        )
