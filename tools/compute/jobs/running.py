"""Inside a job's own process: its progress, its end, its cancellation.

Every entry point (a task's script, an environment build, a server of a model) runs its work through `run_job`,
so a job started by the server, by hand or on another machine leaves the same files.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from ....resources.foundation.access import let_person_answer
from ....resources.foundation.clock import now
from ....resources.foundation.errors import Cancelled, JobError, NlpSkillsError
from ....resources.foundation.files import describing_disk_errors, lock, write_json
from ....resources.foundation.full_disk import full_disk
from ....resources.foundation.kinds import use_plugins_of
from ....resources.foundation.language import Language, Text, as_language, speaking, spoken_language
from ....resources.foundation.masking import redact, throughout
from ....resources.foundation.process import identity
from ....resources.job import (
    FAMILY_VARIABLE,
    JOB_VARIABLE,
    KINDS_AT_ONCE,
    JobExit,
    JobFolder,
    JobSpec,
    JobState,
    active_job,
)
from ....resources.job_event import append_event
from ....resources.task import TaskFolder
from ....resources.workspace import Workspace
from .ending import finite, leave_exit, reserve_exit
from .events import JobEvents
from .page import refresh_views
from .redaction import without_secrets

__all__ = ["JOB_VARIABLE", "RunningJob", "cancelled_error", "new_job_id", "run_job"]

_VIEW_SECONDS = 2.0  # the page and the curve are drawn again at most this often
_WORK_PER_VIEW = 50  # and never take more than about a fiftieth of the job's time
_EVENT_SECONDS = 0.1  # steps without measures are recorded at most this often


class RunningJob:
    """The job this process is: reports progress and warnings as events."""

    speaks = True

    def __init__(self, folder: JobFolder, task: TaskFolder | None, by_hand: bool) -> None:
        self.folder = folder
        self.task = task
        self.by_hand = by_hand
        self.devices: list[str] | None = None  # of this machine, while it holds any
        self._clock = _Clock()
        self._events = JobEvents(folder)
        self._recorded = self._draw_next = float("-inf")

    def event(self, kind: str, **fields: Any) -> None:
        """Append one event; every value must be JSON-serialisable, NaN and infinities are written as null."""
        append_event(self.folder.events_file, kind, **throughout(finite(fields), redact))

    def progress(
        self,
        step: int,
        total: int | None = None,
        message: Text | None = None,
        *,
        even: bool = True,
        eta: float | None = None,
        **measures: float | None,
    ) -> None:
        """Say that `step` of `total` is done (same unit through the job), with measures such as `loss`.

        Arguments:
            even: the steps take about equally long, so that the time left can be told from them.
            eta: seconds left, where the caller knows better than the steps do.

        Raises:
            Cancelled: the person asked this job to stop.
        """
        self.check_cancelled()
        moment = time.monotonic()
        counted = self._clock.seconds_left(step, total, moment)
        left = eta if eta is not None else counted if even else None
        if not measures and step != total and moment - self._recorded < _EVENT_SECONDS:
            return
        self._recorded = moment
        self.event(
            "progress",
            step=step,
            total=total,
            eta_seconds=None if left is None else round(left, 1),
            measures=measures,
            message=message._asdict() if message else None,
        )
        if moment >= self._draw_next:
            self.draw()
        if self.by_hand:
            shown = " ".join(f"{name}={value:.4g}" for name, value in measures.items() if value is not None)
            print(f"[{step}{f'/{total}' if total is not None else ''}] {message or ''} {shown}".rstrip(), flush=True)

    def say_message(self, message: Text) -> None:
        """Say what the job is at, without moving its steps; the time until the next step is not counted as theirs."""
        self._clock.rest()
        at = self._events.progress()
        self.event("progress", step=at.step, total=at.total, eta_seconds=None, measures={}, message=message._asdict())
        self.draw()
        if self.by_hand:
            print(message, flush=True)

    def relay(self, lines: bytes, **mark: int) -> None:
        """Append events that another machine wrote, and after them one that says how far they were read: in a single
        write, so that a kill leaves both or neither.

        Arguments:
            lines: events, whole ones.
            mark: what `relayed` says.
        """
        line = json.dumps({"time": now(), "kind": "relayed", **mark}) + "\n"
        with describing_disk_errors(self.folder.events_file), self.folder.events_file.open("ab", buffering=0) as file:
            file.write(lines + line.encode())
        if time.monotonic() >= self._draw_next:
            self.draw()

    def warn(self, message: Text, **fields: Any) -> None:
        """Tell the person something they should know, without stopping."""
        self.event("warning", message=message._asdict(), **fields)
        if self.by_hand:
            print(f"! {redact(str(message))}", file=sys.stderr, flush=True)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` when the person asked this job to stop."""
        if self.folder.cancel_file.exists():
            raise cancelled_error()

    def draw(self) -> None:
        """Bring `progress.html` and `curve.png` up to date; never a reason for the job to fail."""
        began = time.monotonic()
        try:
            refresh_views(self.folder, self._events)
        except (OSError, NlpSkillsError) as error:
            print(f"progress page not drawn: {error}", file=sys.stderr, flush=True)
        ended = time.monotonic()
        self._draw_next = ended + max(_VIEW_SECONDS, _WORK_PER_VIEW * (ended - began))


class _Clock:
    """How long the steps of this run take, by those that it did itself: waiting in line, loading and checking before
    the first of them, and what an earlier run had done, are not among them."""

    def __init__(self) -> None:
        self._total: int | None = None
        self._step = self._done = 0
        self._seconds = 0.0
        self._since: float | None = None

    def seconds_left(self, step: int, total: int | None, moment: float) -> float | None:
        """Seconds until `total`; None before the first step, and where nothing is counted."""
        if total is None:
            self.rest()
            return None
        if total != self._total or step < self._step:
            self._total, self._done, self._seconds, self._since = total, 0, 0.0, None
        elif step > self._step and self._since is not None:
            self._done += step - self._step
            self._seconds += moment - self._since
        if self._since is None or step > self._step or not self._done:
            self._since = moment
        self._step = step
        return self._seconds / self._done * (total - step) if self._done else None

    def rest(self) -> None:
        """The time from here to the next counted step belongs to no step."""
        self._since = None


def cancelled_error() -> Cancelled:
    return Cancelled(
        Text("The job was cancelled.", "工作已取消。"),
        Text(
            "Start it again when you want to; a training resumes from its last checkpoint with "
            "manage_job(action='resume').",
            "想繼續時再重新開始；訓練可用 manage_job(action='resume') 從最後的檢查點接續。",
        ),
    )


def new_job_id(kind: str) -> str:
    """Sorts by time; unique without asking anybody."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:-3] + f"-{kind}-{uuid.uuid4().hex[:4]}"


def run_job(
    kind: str,
    work: Callable[[RunningJob], Mapping[str, Any]],
    *,
    entry: list[str],
    arguments: list[str],
    task: Path | None = None,
    resumable: bool = False,
) -> int:
    """Do `work` as a job and leave how it ended in `exit.json`.

    Arguments:
        kind: the stage or task (`regenerate`, `validate`, `convert`, `train`, `evaluate`, `deploy`, …).
        work: gets the `RunningJob`, returns the JSON-serialisable result (see `JobResult`).
        entry: what to run to do this again: `["scripts/04_train.py"]` or `["-m", "nlp_skills.tools…"]`.
        arguments: the command-line arguments it ran with; never a secret.
        task: the task's folder, if the job belongs to one.
        resumable: running the same entry again carries on where it stopped.

    Returns:
        The process's exit status: 0 done, 1 failed, 130 cancelled.
    """
    task_folder = TaskFolder(task) if task else None
    given = os.environ.pop(JOB_VARIABLE, None)  # what this process starts is not this job
    with speaking(as_language(os.environ.get("NLP_SKILLS_LANGUAGE")) or _task_language(task_folder)):
        if given:
            folder = JobFolder(Path(given))
            if _somebody_else_runs(folder):
                print(f"job {folder.id} is already running in another process", file=sys.stderr, flush=True)
                return 1
        else:
            if task_folder:
                use_plugins_of(task_folder.root.parent)  # of the workspace it stands in, which nobody else has named
            try:
                folder = _job_by_hand(kind, entry, arguments, task_folder, resumable)
            except NlpSkillsError as error:
                print(f"\n{error}", file=sys.stderr, flush=True)
                return 1
        if not given:
            let_person_answer()
        return _Run(RunningJob(folder, task_folder, by_hand=not given)).finish(work)


class _Run:
    """The edge of the job's process: signals, and an `exit.json` whatever happens."""

    def __init__(self, job: RunningJob) -> None:
        self._job = job
        self._terminated = False

    def finish(self, work: Callable[[RunningJob], Mapping[str, Any]]) -> int:
        state: JobState
        error: NlpSkillsError | None = None
        result: Mapping[str, Any] = {}
        folder = self._job.folder
        try:
            with self._signals():
                write_json(folder.pid_file, {**identity(os.getpid()), "ready": True})
                reserve_exit(folder)
                self._job.event("started", pid=os.getpid())
                self._job.draw()
                self._job.check_cancelled()
                result = work(self._job)
            state = "succeeded"
        except Cancelled as stopped:
            state, error = "cancelled", stopped
            if self._terminated and not self._job.by_hand and not folder.cancel_file.exists():
                state, error = "interrupted", None  # not the person: the machine is going down
        except NlpSkillsError as failure:
            state, error = "failed", failure
        except BaseException as failure:  # whatever happened must reach exit.json
            with contextlib.suppress(OSError):
                print(without_secrets(traceback.format_exc()), file=sys.stderr, flush=True)
            state, error = "failed", _unexpected_error(failure, folder)
        if state != "succeeded" and folder.cancel_file.exists():
            state = "cancelled"
        with contextlib.suppress(OSError, NlpSkillsError):  # exit.json, which has its place kept, says the same
            self._job.event("ended", state=state)
        leave_exit(folder, JobExit(state=state, ended=now(), result=result, error=error.to_dict() if error else None))
        self._job.draw()
        if self._job.by_hand:
            _say_how_it_ended(result, error)
        return {"succeeded": 0, "cancelled": 130, "interrupted": 143}.get(state, 1)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """TERM and Ctrl-C raise `Cancelled` inside the block; after it they wait for `exit.json` to be written."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._terminated = number == signal.SIGTERM
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise cancelled_error()


def _somebody_else_runs(folder: JobFolder) -> bool:
    """Whether another living process is this job; a launcher that started this interpreter (Windows) is not."""
    process = folder.process()
    return process is not None and process.pid not in (os.getpid(), os.getppid())


def _say_how_it_ended(result: Mapping[str, Any], error: NlpSkillsError | None) -> None:
    """Tell the person at the terminal what a client's model would have told them."""
    if error:
        print(f"\n{redact(str(error))}", file=sys.stderr, flush=True)
    elif message := result.get("message"):
        print(f"\n{redact(str(Text(**message)))}", flush=True)


def _job_by_hand(
    kind: str, entry: list[str], arguments: list[str], task: TaskFolder | None, resumable: bool
) -> JobFolder:
    jobs = task.jobs if task else Workspace().jobs
    with lock(jobs / kind):
        if task and kind not in KINDS_AT_ONCE and (running := active_job(jobs, kind)):
            raise already_running(running)
        folder = JobFolder(jobs / new_job_id(kind))
        folder.root.mkdir(parents=True)
        spec = JobSpec(
            id=folder.id,
            kind=kind,
            entry=entry,
            arguments=arguments,
            task=str(task.root) if task else None,
            python=sys.executable,
            language=spoken_language(),
            created=now(),
            resumable=resumable,
        )
        write_json(folder.pid_file, identity(os.getpid()))
        write_json(folder.spec_file, spec.model_dump(mode="json"))
    os.environ[FAMILY_VARIABLE] = str(folder.root)
    return folder


def already_running(folder: JobFolder) -> JobError:
    return JobError(
        Text(
            f"Job {folder.id} of the same kind is still running for this task.",
            f"這個任務已有同類工作 {folder.id} 正在執行。",
        ),
        Text(
            f"Wait for it with job_status(job_id={folder.id!r}), or stop it with manage_job(action='cancel').",
            f"請用 job_status(job_id={folder.id!r}) 等它完成，或用 manage_job(action='cancel') 停止。",
        ),
        field="task",
    )


def _task_language(task: TaskFolder | None) -> Language | None:
    try:
        return task.load().language if task else None
    except NlpSkillsError:
        return None


def _unexpected_error(failure: BaseException, folder: JobFolder) -> NlpSkillsError:
    if full := full_disk(failure, folder.root):
        return full
    shown = without_secrets(f"{type(failure).__name__}: {failure}")[:600]
    return JobError(
        Text(f"The job stopped on an unexpected error: {shown}", f"工作遇到未預期的錯誤而停止：{shown}"),
        Text(
            f"Look at the end of {folder.output_file}; if it looks like our fault, please report it.",
            f"請看 {folder.output_file} 的結尾；如果看起來是程式本身的問題，請回報。",
        ),
    )
