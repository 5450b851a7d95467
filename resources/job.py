"""A job: anything that can take more than a few seconds, as files that outlive everybody.

    spec.json      what was asked for (JobSpec)
    starter        the process that is starting it, until it has a pid
    pid            the job's process and its start; `ready` once its work has begun
    events.jsonl   append-only: progress, loss, metrics, warnings
    output.log     what it printed
    queued.json    its place in line (Place), while it waits for a device
    cut.json       which machine it cannot reach (Cut), while the link to it is cut
    exit.json      how it ended (JobExit), written by rename
    cancel         a marker: the person asked for it to stop
    progress.html, curve.png   for people's eyes

Status is read from those files, never remembered.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, Field

from .foundation.errors import JobError, TaskError
from .foundation.files import read_json
from .foundation.json_object import JsonObject
from .foundation.language import Language, Text
from .foundation.process import environment_value, living
from .record import Record
from .task import TaskFolder
from .workspace import Workspace

JOB_VARIABLE = "NLP_SKILLS_JOB"  # names the job's folder to its process, and to nothing that process starts
FAMILY_VARIABLE = "NLP_SKILLS_JOB_FAMILY"  # names it to every process below
MACHINE_VARIABLE = "NLP_SKILLS_MACHINE"  # names the machine to a job that was sent to another one
JobState = Literal["queued", "unreachable", "running", "succeeded", "failed", "cancelled", "interrupted"]
ACTIVE_STATES: tuple[JobState, ...] = ("queued", "unreachable", "running")
# A task may have several of them: trainings wait for each other's device, and each gives its own machine back.
_started: ContextVar[list[JobFolder] | None] = ContextVar("started_jobs", default=None)
_ID = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,120}")
KINDS_AT_ONCE = ("train", "give_back")
_STARTER_SECONDS = 60.0  # a living starter needs no longer from its record to the child's pid
_ORPHAN_START_SECONDS = 5.0  # nor does one that was killed in between leave its child unseen for longer
_SEARCH_SECONDS = 180.0  # by then a child whose starter was killed has written its own pid


class JobSpec(Record):
    """What a job runs: `python` with `entry` (a task's script such as `scripts/04_train.py`, or `-m module`)."""

    id: str
    kind: str
    entry: list[str]
    arguments: list[str] = Field(default_factory=list)
    task: str | None = None
    machine: str = "local"
    python: str
    language: Language = "en"
    created: str
    resumable: bool = False


class Progress(BaseModel):
    """Where a job stands: `step` of `total` (units are the job's own), seconds left, and its latest measures."""

    step: int = 0
    total: int | None = None
    message: str | None = None
    eta_seconds: float | None = None
    measures: dict[str, float | None] = Field(default_factory=dict)


class JobExit(Record):
    """How a job ended; `error` is `NlpSkillsError.to_dict()`."""

    state: JobState
    ended: str
    result: JsonObject = Field(default_factory=dict)
    error: dict[str, Any] | None = None


class Place(Record):
    """Where a job stands in line: 1 is next; `ahead` are the folders of the jobs before it, those at work first."""

    position: int
    device: Literal["cpu", "gpu"]
    ahead: list[str] = Field(default_factory=list)
    since: str


class Cut(Record):
    """The machine whose link is cut: what is known of the job there is from before `since`; tried again until `until`."""

    machine: str
    since: str
    until: str


class JobFolder:
    """One job's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.id = root.name
        self.spec_file = root / "spec.json"
        self.starter_file = root / "starter"
        self.pid_file = root / "pid"
        self.events_file = root / "events.jsonl"
        self.output_file = root / "output.log"
        self.queued_file = root / "queued.json"
        self.cut_file = root / "cut.json"
        self.exit_file = root / "exit.json"
        self.cancel_file = root / "cancel"
        self.page_file = root / "progress.html"
        self.curve_file = root / "curve.png"

    def spec(self) -> JobSpec:
        """What was asked for.

        Raises:
            JobError: `spec.json` was changed by hand into something else.
        """
        try:
            return JobSpec.read(self.spec_file)
        except TaskError as error:
            raise JobError(
                Text(
                    f"{self.spec_file} is no longer a valid job description.",
                    f"{self.spec_file} 已不是有效的工作描述。",
                ),
                Text(
                    "Delete that job's folder; nothing else depends on it.",
                    "請刪除這個工作的資料夾，其他內容不受影響。",
                ),
                field="job_id",
            ) from error

    def task(self) -> TaskFolder | None:
        """The task it belongs to: by where it stands, so that a task moved or copied takes its jobs along."""
        return TaskFolder(self.root.parents[1]) if self.spec().task else None

    def exit(self) -> JobExit | None:
        with contextlib.suppress(FileNotFoundError):
            return JobExit.read(self.exit_file)
        return None

    def place(self) -> Place | None:
        """Its place in line; None where it does not wait."""
        with contextlib.suppress(FileNotFoundError):
            return Place.read(self.queued_file)
        return None

    def read_cut(self) -> Cut | None:
        """The machine it cannot reach now; None where it can, or works here."""
        with contextlib.suppress(FileNotFoundError):
            return Cut.read(self.cut_file)
        return None

    def process(self) -> psutil.Process | None:
        """The living process of this job, or None."""
        recorded = _read_or_none(self.pid_file)
        return living(recorded) if recorded else None

    def state(self) -> JobState:
        """From the files alone: ended as `exit.json` says, else alive by pid and start, else interrupted."""
        if ended := self.exit():
            return ended.state
        if self.process():
            return "unreachable" if self.cut_file.is_file() else "queued" if self.queued_file.is_file() else "running"
        if ended := self.exit():  # it may have ended between the two looks
            return ended.state
        recorded = _read_or_none(self.pid_file)
        if recorded is None and (starting := self._starting()):
            return starting
        if self.cancel_file.exists():
            return "cancelled"
        return "interrupted" if recorded is None or recorded.get("ready") else "failed"

    def family(self) -> list[psutil.Process]:
        """Every living process of this job: its own, those below it, and those that lost their parent."""
        root, found = str(self.root), {}
        if leader := self.process():
            with contextlib.suppress(psutil.Error):
                found = {leader.pid: leader, **{child.pid: child for child in leader.children(recursive=True)}}
        for process in psutil.process_iter():
            named = environment_value(process, FAMILY_VARIABLE)
            if named == root:
                found[process.pid] = process
            elif named:  # a job that this job submitted is a job of its own
                found.pop(process.pid, None)
        return [process for process in found.values() if _is_running(process)]

    def _starting(self) -> JobState | None:
        """`queued` or `running` while a job without a pid may still be coming up, else None."""
        try:
            age = time.time() - self.starter_file.stat().st_mtime
        except FileNotFoundError:
            return None
        starter = _read_or_none(self.starter_file)
        if age < _ORPHAN_START_SECONDS or (age < _STARTER_SECONDS and starter and living(starter)):
            return "queued"
        return "running" if age < _SEARCH_SECONDS and self.family() else None


def _read_or_none(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        return dict(read_json(path))
    return None


def _is_running(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def job_folders(workspace: Workspace, task: TaskFolder | None = None) -> list[JobFolder]:
    """The jobs of one task, or of the whole workspace, newest first (a job's id begins with its time)."""
    places = [task.jobs] if task else [workspace.jobs, *(t.jobs for t in workspace.tasks())]
    found = [
        JobFolder(entry)
        for place in places
        if place.is_dir()
        for entry in place.iterdir()
        if (entry / "spec.json").is_file()
    ]
    return sorted(found, key=lambda job: job.id, reverse=True)


@contextlib.contextmanager
def noting_started_jobs() -> Iterator[list[JobFolder]]:
    """The jobs that are started within the block, so that an error after that does not deny them."""
    noted: list[JobFolder] = []
    before = _started.set(noted)
    try:
        yield noted
    finally:
        _started.reset(before)


def note_started(folder: JobFolder) -> None:
    noted = _started.get()
    if noted is not None:
        noted.append(folder)


def active_job(jobs: Path, kind: str) -> JobFolder | None:
    """The newest job of that kind below `jobs` that has not ended, if any."""
    return next(active_jobs(jobs, kind), None)


def active_jobs(jobs: Path, kind: str) -> Iterator[JobFolder]:
    """The jobs of that kind below `jobs` that have not ended, newest first."""
    for entry in sorted(jobs.glob(f"*-{kind}-*"), reverse=True):
        folder = JobFolder(entry)
        if folder.spec_file.is_file() and folder.spec().kind == kind and folder.state() in ACTIVE_STATES:
            yield folder


def job_folder(workspace: Workspace, job_id: str) -> JobFolder:
    """The job of that id, wherever it stands.

    Raises:
        JobError: there is none.
    """
    if _ID.fullmatch(job_id):
        for place in (workspace.jobs, *(t.jobs for t in workspace.tasks())):
            if (place / job_id / "spec.json").is_file():
                return JobFolder(place / job_id)
    recent = ", ".join(job.id for job in job_folders(workspace)[:3])
    raise JobError(
        Text(f"There is no job {job_id[:60]!r}.", f"沒有「{job_id[:60]}」這個工作。"),
        Text(
            f"The newest are: {recent}." if recent else "No job has run yet.",
            f"最近的工作：{recent}。" if recent else "目前還沒有執行過任何工作。",
        ),
        field="job_id",
    )
