"""Start, wait for, cancel and resume jobs. Everything about a running job is read from its files."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....resources.foundation.clock import now
from ....resources.foundation.errors import JobError, NlpSkillsError
from ....resources.foundation.files import describing_disk_errors, lock, write_json
from ....resources.foundation.language import Text, spoken_language
from ....resources.foundation.process import identity
from ....resources.job import (
    ACTIVE_STATES,
    KINDS_AT_ONCE,
    JobFolder,
    JobSpec,
    JobState,
    Progress,
    active_job,
    note_started,
)
from ....resources.job_event import append_event, read_events
from ....resources.task import TaskFolder
from ....resources.workspace import Workspace
from ..machine import LOCAL
from ..worker import find_worker, worker_python
from . import local_process
from .events import JobEvents, close_torn_line
from .page import refresh_views
from .redaction import without_secrets
from .rented import Record
from .running import already_running, new_job_id
from .task_script import check_entry, check_job

_LOG_BYTES = 256_000
_LINE_CHARACTERS = 400
POLL_SECONDS = 0.1


def submit(
    workspace: Workspace,
    kind: str,
    entry: list[str],
    arguments: list[str] | None = None,
    *,
    python: Path | str,
    task: TaskFolder | None = None,
    resumable: bool = False,
    alone: bool = False,
    machine: str = "local",
) -> JobFolder:
    """Start a job as a detached process and return at once.

    Arguments:
        entry: `["scripts/04_train.py"]` (relative to the task) or `["-m", "nlp_skills.tools…"]`.
        python: the interpreter, see `worker.worker_python`.
        alone: refuse beside a running job of the same kind; always so within a task, but for `KINDS_AT_ONCE`.
        machine: where the work is done; the process started here only follows it where that is another one.

    Raises:
        JobError: the same kind of job is already running, or the task has no such script.
        WorkspaceError: the disk is full; nothing was started.
        AccessError: the script is not as we write it, and the person has not agreed to its content.
    """
    check_entry(task.root if task else None, entry)
    jobs = task.jobs if task else workspace.jobs
    with describing_disk_errors(jobs):
        jobs.mkdir(parents=True, exist_ok=True)
    with lock(jobs / kind):
        if (task or alone) and kind not in KINDS_AT_ONCE and (running := active_job(jobs, kind)):
            raise already_running(running)
        folder = JobFolder(jobs / new_job_id(kind))
        with describing_disk_errors(folder.root):
            folder.root.mkdir()
        spec = JobSpec(
            id=folder.id,
            kind=kind,
            entry=entry,
            arguments=arguments or [],
            task=str(task.root) if task else None,
            python=str(python),
            language=spoken_language(),
            created=now(),
            resumable=resumable,
            machine=machine,
        )
        try:
            _record_starter(folder)
            write_json(folder.spec_file, spec.model_dump(mode="json"))
            local_process.start(folder, workspace)
        except NlpSkillsError:
            if not folder.exit_file.exists():  # nothing of it ever ran
                shutil.rmtree(folder.root, ignore_errors=True)
            raise
        note_started(folder)
    return folder


def wait(folder: JobFolder, seconds: float) -> JobState:
    """The job's state as soon as it ends, at the latest after `seconds`."""
    deadline = time.monotonic() + seconds
    while (state := folder.state()) in ACTIVE_STATES and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return state


def progress(folder: JobFolder) -> Progress:
    """The newest progress, in the language of the call."""
    return JobEvents(folder).progress()


def failure(folder: JobFolder) -> NlpSkillsError | None:
    """The error the job ended with, of the class it was raised as; None where it did not end with one."""
    ended = folder.exit()
    if ended is None:
        return _never_began(folder) if folder.state() == "failed" else None
    if not ended.error:
        return None
    return error_of(ended.error, job_id=folder.id)


def error_of(told: Mapping[str, Any], **details: Any) -> NlpSkillsError:
    """The error that `NlpSkillsError.to_dict()` was taken of, of its own class."""
    return _error_classes(NlpSkillsError).get(told["code"], JobError)(
        Text(**told["problem"]),
        Text(**told["fix"]),
        field=told.get("field"),
        details={**(told.get("details") or {}), **details},
    )


def _error_classes(above: type[NlpSkillsError]) -> dict[str, type[NlpSkillsError]]:
    """Every kind of error known to this process, by its code."""
    below = above.__subclasses__()
    return {code: known for kind in below for code, known in {**_error_classes(kind), kind.code: kind}.items()}


def _never_began(folder: JobFolder) -> JobError:
    said = next((line.strip() for line in reversed(log_tail(folder, 20)) if line.strip()), "")
    return JobError(
        Text(
            f"The job's process ended before its work began{f': {said}' if said else '.'}",
            f"工作的程序在開始之前就結束了{f'：{said}' if said else '。'}",
        ),
        Text(
            f"Its log is {folder.output_file}. When the cause is fixed, call manage_job(action='resume').",
            f"紀錄檔：{folder.output_file}。排除原因後請呼叫 manage_job(action='resume')。",
        ),
        details={"job_id": folder.id},
    )


def log_tail(folder: JobFolder, lines: int) -> list[str]:
    """The last lines the job printed, at most `lines`, without secrets; of a line redrawn in place, the last."""
    try:
        with folder.output_file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            tail = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in tail.split("\n")]
    return [without_secrets(line[:_LINE_CHARACTERS]) for line in shown if line.strip()][-lines:] if lines > 0 else []


def cancel(folder: JobFolder) -> JobState:
    """Ask the job's process here to stop, then end its whole family; on a job that has ended it only clears what that
    left behind. What runs for it on another machine is `cancel_job`'s (tools/compute/cancel.py).

    Takes at most twice `local.GRACE_SECONDS`.
    """
    if folder.state() in ACTIVE_STATES:
        folder.cancel_file.touch()
        append_event(folder.events_file, "cancel_requested")
    local_process.stop(folder)
    refresh_views(folder)
    return folder.state()


def may_run_remotely(folder: JobFolder) -> bool:
    """Whether the job may still run on the machine it was sent to: neither has the process that followed it ended it
    there, nor did it end well."""
    record = Record.read(folder)
    rented = record is not None and record.up
    if folder.spec().machine == LOCAL or (folder.state() == "succeeded" and not rented):
        return False
    kinds = [event.kind for event in read_events(folder.events_file)]
    began = len(kinds) - kinds[::-1].index("resumed") if "resumed" in kinds else 0
    return rented or "stopped_there" not in kinds[began:]


def resume(folder: JobFolder, workspace: Workspace) -> JobFolder:
    """Run an interrupted, failed or cancelled job again under the same id; resumable work carries on.

    Raises:
        JobError: it (or another of its kind, for the same task) is still running, or it has succeeded.
        AccessError: it runs a script that the person has not agreed to.
    """
    spec = folder.spec()
    check_job(spec.entry)
    check_entry(task.root if (task := folder.task()) else None, spec.entry)
    with lock(folder.root.parent / spec.kind):
        shares = spec.task is None or spec.kind in KINDS_AT_ONCE
        if running := (folder if _active(folder) else None) if shares else active_job(folder.root.parent, spec.kind):
            raise already_running(running)
        if folder.state() == "succeeded":
            raise JobError(
                Text(f"Job {folder.id} has already succeeded.", f"工作 {folder.id} 已經成功完成。"),
                Text(
                    "Nothing to resume; start a new one if you want another run.",
                    "不需要接續；想再跑一次請開新的工作。",
                ),
                field="job_id",
            )
        local_process.stop(folder)  # a killed process may have left children
        known = (sys.executable, str(find_worker(workspace)))  # a folder that was copied here may name any program
        python = spec.python if spec.python in known else str(worker_python(workspace))
        write_json(folder.spec_file, spec.model_copy(update={"python": python}).model_dump(mode="json"))
        close_torn_line(folder.events_file)
        append_event(folder.events_file, "resumed")
        # In this order a kill between any two leaves a job that says how it ended or that it was interrupted.
        _record_starter(folder)
        for stale in (folder.cancel_file, folder.queued_file, folder.cut_file, folder.pid_file, folder.exit_file):
            stale.unlink(missing_ok=True)
        try:
            local_process.start(folder, workspace)
        except NlpSkillsError:
            folder.starter_file.unlink(missing_ok=True)  # nobody is starting it any more
            raise
        note_started(folder)
    return folder


def _active(folder: JobFolder) -> bool:
    return folder.state() in ACTIVE_STATES


def _record_starter(folder: JobFolder) -> None:
    write_json(folder.starter_file, identity(os.getpid()))
