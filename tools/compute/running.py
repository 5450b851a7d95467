"""Inside a job's own process: its progress, its end, its cancellation.

Every entry point (a task's script, an environment build, a server of a model) runs its work through `run_job`,
so a job started by the server, by hand or on another machine leaves the same files.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from ...resources.clock import now
from ...resources.errors import Cancelled, JobError, NlpSkillsError
from ...resources.files import append_jsonl, write_json
from ...resources.job import JobExit, JobFolder, JobSpec, JobState
from ...resources.language import Text, as_language, default_language, speaking
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace

JOB_VARIABLE = "NLP_SKILLS_JOB"
_SECRET_SHAPE = re.compile(r"(?<=://)([^/\s:@]+):([^@\s/]+)@")


class RunningJob:
    """The job this process is: reports progress and warnings as events."""

    def __init__(self, folder: JobFolder, task: TaskFolder | None, by_hand: bool) -> None:
        self.folder = folder
        self.task = task
        self.by_hand = by_hand
        self._started = time.monotonic()
        self._first_step: int | None = None

    def event(self, kind: str, **fields: Any) -> None:
        """Append one event; every value must be JSON-serialisable, NaN is written as null."""
        clean = {key: (None if isinstance(value, float) and value != value else value) for key, value in fields.items()}
        append_jsonl(self.folder.events_file, {"time": now(), "kind": kind, **clean})

    def progress(
        self, step: int, total: int | None = None, message: Text | None = None, **measures: float | None
    ) -> None:
        """Say that `step` of `total` is done (same unit through the job), with measures such as `loss`."""
        if self._first_step is None:
            self._first_step, self._started = step, time.monotonic()
        elapsed, done = time.monotonic() - self._started, step - self._first_step
        eta = round(elapsed / done * (total - step), 1) if total is not None and done > 0 else None
        self.event(
            "progress", step=step, total=total, eta_seconds=eta, measures=measures,
            message=message._asdict() if message else None,
        )
        if self.by_hand:
            shown = " ".join(f"{name}={value:.4g}" for name, value in measures.items() if value is not None)
            print(f"[{step}{f'/{total}' if total is not None else ''}] {message or ''} {shown}".rstrip(), flush=True)

    def warn(self, message: Text, **fields: Any) -> None:
        """Tell the person something they should know, without stopping."""
        self.event("warning", message=message._asdict(), **fields)
        if self.by_hand:
            print(f"! {message}", file=sys.stderr, flush=True)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` when the person asked this job to stop."""
        if self.folder.cancel_file.exists():
            raise cancelled()


def cancelled() -> Cancelled:
    return Cancelled(
        Text("The job was cancelled.", "工作已取消。"),
        Text("Start it again when you want to; a training resumes from its last checkpoint with resume_job.",
             "想繼續時再重新開始；訓練可用 resume_job 從最後的檢查點接續。"),
    )


def new_job_id(kind: str) -> str:
    """Sorts by time; unique without asking anybody."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:-3] + f"-{kind}-{uuid.uuid4().hex[:4]}"


def record_process(folder: JobFolder, pid: int) -> None:
    """Write the pid with its start time."""
    write_json(folder.pid_file, {"pid": pid, "started": psutil.Process(pid).create_time()})


def run_job(
    kind: str,
    work: Callable[[RunningJob], dict[str, Any]],
    *,
    entry: list[str],
    arguments: list[str],
    task: Path | None = None,
    resumable: bool = False,
) -> int:
    """Do `work` as a job and leave how it ended in `exit.json`.

    Arguments:
        kind: the stage or errand (`regenerate`, `validate`, `convert`, `train`, `evaluate`, `deploy`, …).
        work: gets the `RunningJob`, returns the JSON-serialisable result.
        entry: what to run to do this again: `["scripts/04_train.py"]` or `["-m", "nlp_skills.tools…"]`.
        arguments: the command-line arguments it ran with; never a secret.
        task: the task's folder, if the job belongs to one.
        resumable: running the same entry again carries on where it stopped.

    Returns:
        The process's exit status: 0 done, 1 failed, 130 cancelled.
    """
    task_folder = TaskFolder(task) if task else None
    given = os.environ.get(JOB_VARIABLE)
    if given:
        folder = JobFolder(Path(given))
    else:
        folder = _job_by_hand(kind, entry, arguments, task_folder, resumable)
    record_process(folder, os.getpid())
    running = RunningJob(folder, task_folder, by_hand=not given)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with speaking(as_language(os.environ.get("NLP_SKILLS_LANGUAGE")) or _task_language(task_folder)):
        return _finish(running, work)


def _job_by_hand(
    kind: str, entry: list[str], arguments: list[str], task: TaskFolder | None, resumable: bool
) -> JobFolder:
    folder = JobFolder((task.jobs if task else Workspace().jobs) / new_job_id(kind))
    folder.root.mkdir(parents=True)
    spec = JobSpec(
        id=folder.id, kind=kind, entry=entry, arguments=arguments, task=str(task.root) if task else None,
        python=sys.executable, language=default_language(), created=now(), resumable=resumable,
    )
    write_json(folder.spec_file, spec.model_dump(mode="json"))
    return folder


def _task_language(task: TaskFolder | None) -> Any:
    try:
        return task.load().language if task else None
    except NlpSkillsError:
        return None


def _finish(running: RunningJob, work: Callable[[RunningJob], dict[str, Any]]) -> int:
    state: JobState
    error: NlpSkillsError | None = None
    result: dict[str, Any] = {}
    try:
        running.event("started", pid=os.getpid())
        result = work(running)
        state = "succeeded"
    except Cancelled as stopped:
        state, error = "cancelled", stopped
    except NlpSkillsError as failure:
        state, error = "failed", failure
    except BaseException as failure:  # the edge of the process: whatever happened must reach exit.json
        traceback.print_exc()
        state, error = "failed", _unexpected(failure, running.folder)
    if state != "succeeded" and running.folder.cancel_file.exists():
        state = "cancelled"
    running.event("ended", state=state)
    ended = JobExit(state=state, ended=now(), result=result, error=error.to_dict() if error else None)
    write_json(running.folder.exit_file, ended.model_dump(mode="json"))
    if running.by_hand and error:
        print(f"\n{error}", file=sys.stderr, flush=True)
    return {"succeeded": 0, "cancelled": 130}.get(state, 1)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise cancelled()


def _unexpected(failure: BaseException, folder: JobFolder) -> NlpSkillsError:
    shown = _SECRET_SHAPE.sub("***:***@", f"{type(failure).__name__}: {failure}")[:600]
    return JobError(
        Text(f"The job stopped on an error it did not expect: {shown}", f"工作遇到未預期的錯誤而停止：{shown}"),
        Text(f"Look at the end of {folder.output_file}; if it looks like our fault, please report it.",
             f"請看 {folder.output_file} 的結尾；如果看起來是我們的錯，請回報。"),
    )
