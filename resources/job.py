"""A job: anything that can take more than a few seconds, as files that outlive everybody.

    spec.json      what was asked for (JobSpec)
    pid            {"pid", "started"}: the process and its start time, so that a reused pid is not mistaken for it
    events.jsonl   append-only: progress, loss, metrics, warnings
    output.log     what it printed
    exit.json      how it ended (JobExit), written by rename
    cancel         a marker: the person asked for it to stop

Status is read from those files, never remembered.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, Field

from .errors import JobError
from .files import read_json
from .language import Language, Text
from .task import TaskFolder
from .workspace import Workspace

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "interrupted"]
ACTIVE_STATES: tuple[JobState, ...] = ("queued", "running")
_START_TIME_TOLERANCE_SECONDS = 1.5
_START_SECONDS = 60.0  # a job that left no pid by then lost the process that should have started it


class JobSpec(BaseModel):
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


class JobExit(BaseModel):
    """How a job ended; `error` is `NlpSkillsError.to_dict()`."""

    state: JobState
    ended: str
    result: dict[str, Any] = Field(default_factory=dict)
    error: dict[str, Any] | None = None


class JobFolder:
    """One job's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.id = root.name
        self.spec_file = root / "spec.json"
        self.pid_file = root / "pid"
        self.events_file = root / "events.jsonl"
        self.output_file = root / "output.log"
        self.exit_file = root / "exit.json"
        self.cancel_file = root / "cancel"
        self.page_file = root / "progress.html"
        self.curve_file = root / "curve.png"

    def spec(self) -> JobSpec:
        return JobSpec.model_validate(read_json(self.spec_file))

    def exit(self) -> JobExit | None:
        return JobExit.model_validate(read_json(self.exit_file)) if self.exit_file.is_file() else None

    def process(self) -> psutil.Process | None:
        """The living process of this job, or None."""
        try:
            recorded = json.loads(self.pid_file.read_text())
            process = psutil.Process(recorded["pid"])
            alive = (
                abs(process.create_time() - recorded["started"]) < _START_TIME_TOLERANCE_SECONDS
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except (OSError, ValueError, KeyError, psutil.Error):
            return None
        return process if alive else None

    def state(self) -> JobState:
        """From the files alone: ended as `exit.json` says, else alive by pid and start time, else interrupted."""
        if ended := self.exit():
            return ended.state
        if self.process():
            return "running"
        # The process may have written its end between the two looks.
        if ended := self.exit():
            return ended.state
        if not self.pid_file.is_file() and time.time() - self.spec_file.stat().st_mtime < _START_SECONDS:
            return "queued"
        return "cancelled" if self.cancel_file.exists() else "interrupted"


def job_folders(workspace: Workspace, task: TaskFolder | None = None) -> list[JobFolder]:
    """The jobs of one task, or of the whole workspace, newest first (a job's id begins with its time)."""
    places = [task.jobs] if task else [workspace.jobs, *(t.jobs for t in workspace.tasks())]
    found = [JobFolder(entry) for place in places if place.is_dir() for entry in place.iterdir()
             if (entry / "spec.json").is_file()]
    return sorted(found, key=lambda job: job.id, reverse=True)


def job_folder(workspace: Workspace, job_id: str) -> JobFolder:
    """The job of that id, wherever it stands.

    Raises:
        JobError: there is none.
    """
    if job_id and "/" not in job_id and "\\" not in job_id and ".." not in job_id:
        for place in (workspace.jobs, *(t.jobs for t in workspace.tasks())):
            if (place / job_id / "spec.json").is_file():
                return JobFolder(place / job_id)
    recent = ", ".join(job.id for job in job_folders(workspace)[:3])
    raise JobError(
        Text(f"There is no job {job_id[:60]!r}.", f"沒有「{job_id[:60]}」這個工作。"),
        Text(f"The newest are: {recent}." if recent else "No job has run yet.",
             f"最近的工作：{recent}。" if recent else "目前還沒有執行過任何工作。"),
        field="job_id",
    )
