"""Start, wait for, cancel and resume jobs. Everything about a running job is read from its files."""

from __future__ import annotations

import time
from pathlib import Path

from ...resources.clock import now
from ...resources.errors import JobError, NlpSkillsError
from ...resources.files import append_jsonl, lock, write_json
from ...resources.job import ACTIVE_STATES, JobFolder, JobSpec, JobState, Progress
from ...resources.language import Text, spoken_language
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from .events import JobEvents
from .machines import local
from .running import new_job_id

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
) -> JobFolder:
    """Start a job as a detached process and return at once.

    Arguments:
        entry: `["scripts/04_train.py"]` (relative to the task) or `["-m", "nlp_skills.tools…"]`.
        python: the interpreter, see `worker.worker_python`.

    Raises:
        JobError: the same kind of job is already running for this task.
    """
    jobs = task.jobs if task else workspace.jobs
    jobs.mkdir(parents=True, exist_ok=True)
    with lock(jobs / kind):
        if task and (running := active_job(task, kind)):
            raise already_running(running)
        folder = JobFolder(jobs / new_job_id(kind))
        folder.root.mkdir()
        spec = JobSpec(
            id=folder.id, kind=kind, entry=entry, arguments=arguments or [], task=str(task.root) if task else None,
            python=str(python), language=spoken_language(), created=now(), resumable=resumable,
        )
        write_json(folder.spec_file, spec.model_dump(mode="json"))
        local.start(folder, workspace)
    return folder


def active_job(task: TaskFolder, kind: str) -> JobFolder | None:
    """The job of that kind now running for the task, if any."""
    if not task.jobs.is_dir():
        return None
    for entry in sorted(task.jobs.iterdir(), reverse=True):
        folder = JobFolder(entry)
        if folder.spec_file.is_file() and folder.spec().kind == kind and folder.state() in ACTIVE_STATES:
            return folder
    return None


def already_running(folder: JobFolder) -> JobError:
    return JobError(
        Text(f"Job {folder.id} of the same kind is still running for this task.",
             f"這個任務已有同類工作 {folder.id} 正在執行。"),
        Text(f"Wait for it with job_status(job_id={folder.id!r}), or stop it with cancel_job.",
             f"請用 job_status(job_id={folder.id!r}) 等它完成，或用 cancel_job 停止。"),
        field="task",
    )


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
    if not ended or not ended.error:
        return None
    classes = {known.code: known for known in NlpSkillsError.__subclasses__()}
    return classes.get(ended.error["code"], JobError)(
        Text(**ended.error["problem"]), Text(**ended.error["fix"]), field=ended.error.get("field"),
        details={**(ended.error.get("details") or {}), "job_id": folder.id},
    )


def cancel(folder: JobFolder) -> JobState:
    """Ask the job to stop, then end its whole process group; harmless on a job that has ended."""
    if folder.state() not in ACTIVE_STATES:
        return folder.state()
    folder.cancel_file.touch()
    append_jsonl(folder.events_file, {"time": now(), "kind": "cancel_requested"})
    local.stop(folder)
    return folder.state()


def resume(folder: JobFolder, workspace: Workspace) -> JobFolder:
    """Run an interrupted, failed or cancelled job again under the same id; resumable work carries on.

    Raises:
        JobError: it is still running, or it has succeeded.
    """
    with lock(folder.root):
        state = folder.state()
        if state in ACTIVE_STATES:
            raise already_running(folder)
        if state == "succeeded":
            raise JobError(
                Text(f"Job {folder.id} has already succeeded.", f"工作 {folder.id} 已經成功完成。"),
                Text("Nothing to resume; start a new one if you want another run.",
                     "不需要接續；想再跑一次請開新的工作。"),
                field="job_id",
            )
        for stale in (folder.exit_file, folder.cancel_file, folder.pid_file):
            stale.unlink(missing_ok=True)
        append_jsonl(folder.events_file, {"time": now(), "kind": "resumed"})
        folder.spec_file.touch()  # its age says how long a start may take
        local.start(folder, workspace)
    return folder
