"""Follow a job that runs on another machine: send what it needs, start it once, follow it, fetch what it made.

The process that follows it is an ordinary job here. Everything it does there may be repeated, so a cut link is tried again, and
one that was killed finds the job there by its id and goes on.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from ....resources.foundation import clock
from ....resources.foundation.errors import BudgetError, Cancelled, JobError, MachineUnreachable, NlpSkillsError
from ....resources.foundation.files import sha256_bytes, sha256_file, write_json
from ....resources.foundation.language import Text, spoken_language
from ....resources.job import JOB_VARIABLE, MACHINE_VARIABLE, Cut, Place, Progress
from ....resources.job_event import read_events
from ..jobs.events import JobEvents
from ..jobs.job_control import error_of
from ..jobs.running import RunningJob
from ..machine import LinkedMachine
from .agent.messages import BuildNote, Ended, LaidRun, RunSeen
from .job_files import fetch_files, send_files
from .lease import Lease, Meter
from .link import Link
from .remote import RemoteMachine, build_own_wheel, connect_machine

T = TypeVar("T")
Keep = Callable[["RemoteJob"], None]
_SHORTEST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.4, 5.0  # each look starts an interpreter there
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_PATIENCE_HOURS = 10 * 365 * 24.0  # what a calendar can tell
_ENDING_SECONDS = 60.0  # for what is left to do where a machine does not answer
_GRACE_SECONDS = 60  # for a job that is told to end, to say so
_ATTENTION_SECONDS = 90.0  # for an attending process to come
_ENDED = ("succeeded", "failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class RemoteTask:
    """What is to be done there.

    Arguments:
        files: what it needs, by its place below the run's folder.
        command: arguments of the interpreter, started in the run's folder; None: build a worker environment.
        note: settings of that build, as `note.json` in its job folder.
    """

    files: dict[str, Path]
    command: list[str] | None = None
    note: BuildNote | None = None


class RemoteJob:
    """One job's link to its machine, for as long as this process lives.

    Arguments:
        name: the machine's name.
        run: the job whose run it is, if that is not the one this process does.
        keep: brings home what shall outlive a machine that is given back before the work is done.
    """

    def __init__(
        self,
        job: RunningJob,
        name: str,
        machine: LinkedMachine,
        link: Link,
        lease: Lease,
        run: str | None = None,
        keep: Keep | None = None,
    ) -> None:
        self.job, self.name, self.machine, self.link, self.lease, self._keep = job, name, machine, link, lease, keep
        self.run = run or job.folder.id
        self.ending = False  # what is left to do is done whatever it costs
        self.failed_remotely = False  # the error is one of the work there, told by itself
        self._attempt = uuid.uuid4().hex
        self._remote: RemoteMachine | None = None
        self._cut_since: float | None = None
        self._events = JobEvents(job.folder)

    @property
    def remote(self) -> RemoteMachine:
        if self._remote is None:
            self._remote = connect_machine(self.link, self.machine.folder, self.machine.python)
        return self._remote

    def retry(self, operation: Callable[[], T]) -> T:
        """What `operation` gives, tried again for as long as the machine does not answer.

        Raises:
            MachineUnreachable: the person's patience is over.
            Cancelled: the person asked this job to stop.
        """
        pause = 0.5
        while True:
            if not self.ending:
                self.job.check_cancelled()
                self.lease.meter.check()
            try:
                done = operation()
                self._note_link_restored()
                return done
            except MachineUnreachable as error:
                self.link.drop()
                self._wait_for_link(error)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def verb(self, name: str, **given: Any) -> Any:
        """The answer of that verb (`agent/messages.py`), asked for until the machine answers."""
        return self.retry(lambda: self.remote.verb(name, run=self.run, **given))

    def _wait_for_link(self, error: MachineUnreachable) -> None:
        now = time.monotonic()
        if self._cut_since is None:
            self._cut_since = now
            print(f"link to {self.name} lost: {error.problem}", flush=True)
            until = datetime.now(UTC) + timedelta(hours=min(self.machine.patience_hours, _LONGEST_PATIENCE_HOURS))
            cut = Cut(machine=self.name, since=clock.now(), until=f"{until.astimezone():%Y-%m-%d %H:%M}")
            write_json(self.job.folder.cut_file, cut.model_dump())
            self.job.event("cut")
        self.job.draw()  # the page is looked at for news
        if self.ending and now - self._cut_since > _ENDING_SECONDS:
            raise error
        self.lease.unreachable()
        if now - self._cut_since > self.machine.patience_hours * 3600:
            raise MachineUnreachable(
                error.problem,
                Text(
                    "What runs there goes on without this machine. Call manage_job(action='resume') once it "
                    "answers again.",
                    "那裡的工作不會因此停止。等它恢復連線後，請呼叫 manage_job(action='resume')。",
                ),
                field="machine",
            ) from error

    def _note_link_restored(self) -> None:
        if self._cut_since is not None:
            self._cut_since = None
            print(f"link to {self.name} is back", flush=True)
            self.job.folder.cut_file.unlink(missing_ok=True)
            self.job.event("linked")
            self.job.draw()

    def run_task(self, task: RemoteTask) -> Ended:
        """Run the task, or go on with it where it was begun; returns how it ended there (`exit.json`).

        Raises:
            NlpSkillsError: it failed there, with its own error; or it cannot be begun.
            JobError: its process there was killed; resuming carries on from its last checkpoint.
        """
        try:
            seen: RunSeen = self.verb("look", events=0, log=0)
            if seen["state"] not in ("running", "succeeded"):
                if seen["state"] == "absent":  # never begun there, or another machine now: its events are all new
                    self.job.relay(b"", events=0, log=0)
                self._begin(task)
            return self._follow()
        except Cancelled:
            if (self.job.folder.cancel_file.exists() or self.job.by_hand) and not self.lease.ends_elsewhere:
                self.cancel_remote()
            raise
        except BudgetError:
            self.cancel_remote()
            raise

    def _begin(self, task: RemoteTask) -> None:
        wheel, spec = self.job.folder.root / ".package.whl", self.job.folder.root / ".spec.json"
        wheel.write_bytes(build_own_wheel())
        write_json(spec, self.job.folder.spec().model_copy(update={"task": None}).model_dump(mode="json"))
        files = {**task.files, f"jobs/{self.run}/spec.json": spec}
        try:
            send_files(self, {wheel, *files.values()})
            places = {place: sha256_file(file) for place, file in files.items()}
        finally:
            for made in (wheel, spec):
                made.unlink(missing_ok=True)
        laid: LaidRun = self.verb("lay", files=places, package=sha256_bytes(build_own_wheel()))
        self.lease.ready(self)
        remote = self.remote
        if task.command is None:
            command, ours = [remote.python, "-I", remote.script, "build", remote.folder, self.run], {}
        else:
            command, ours = [remote.require_worker(), *task.command], {"PYTHONPATH": laid["package"]}
        if (
            seconds := self.lease.meter.seconds_left()
        ) is not None:  # it ends there too where this process does not live
            command = ["timeout", f"--kill-after={_GRACE_SECONDS}", str(max(1, int(seconds))), *command]
        self.verb(
            "start",
            attempt=self._attempt,
            command=command,
            note=task.note or {},
            attended=self.lease.attended,
            environment={
                JOB_VARIABLE: laid["job"],
                MACHINE_VARIABLE: self.name,
                **ours,
                "NLP_SKILLS_LANGUAGE": spoken_language(),
                "NLP_SKILLS_WORKSPACE": remote.folder,
                "PYTHONUNBUFFERED": "1",
                "PYTHONUTF8": "1",
                "PYTHONSAFEPATH": "1",
                "OMP_WAIT_POLICY": "PASSIVE",
            },
        )

    def _follow(self) -> Ended:
        """Relay what it says until it ends."""
        mark = _last_mark(self.job.folder.events_file)
        pause, attended = _SHORTEST_POLL_SECONDS, time.monotonic() - _ATTENTION_SECONDS
        while True:
            seen: RunSeen = self.verb("look", **mark)
            if seen["asked"] and not seen["attended"] and time.monotonic() - attended > _ATTENTION_SECONDS:
                self.retry(self.lease.attend)
                attended = time.monotonic()
            events, log = base64.b64decode(seen["events"]), base64.b64decode(seen["log"])
            if log:
                sys.stdout.buffer.write(log)
                sys.stdout.buffer.flush()
            if events or log:
                mark = {"events": mark["events"] + len(events), "log": mark["log"] + len(log)}
                self.job.relay(_relayed_events(events), **mark)
                self._relay_queue_place(events)
            if seen["state"] in _ENDED and not seen["more"] and not events:
                return self._exit_or_raise(seen["state"], seen["exit"], log)
            pause = _SHORTEST_POLL_SECONDS if events else min(pause * 1.5, _LONGEST_POLL_SECONDS)
            if not seen["more"]:
                self.job.check_cancelled()
                time.sleep(pause)

    def _relay_queue_place(self, events: bytes) -> None:
        """This job is queued while the one there is."""
        for line in events.splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event["kind"] == "queued":
                    place = Place.model_validate(event)
                    write_json(self.job.folder.queued_file, place.model_dump())
                elif event["kind"] in ("turn", "ended"):
                    self.job.folder.queued_file.unlink(missing_ok=True)

    def _exit_or_raise(self, state: str, ended: Ended | None, log: bytes) -> Ended:
        if state == "succeeded" and ended:
            return ended
        if ended and (error := ended.get("error")):
            self.failed_remotely = True
            raise error_of(error)
        if state == "interrupted" and self.lease.meter.over:
            raise self.lease.meter.budget_exceeded_error()
        last = (ended and ended.get("said")) or (log.decode(errors="replace").strip().splitlines() or [""])[-1][:300]
        if state == "cancelled":
            raise Cancelled(
                Text(f"It was cancelled on {self.name}.", f"已在 {self.name} 上取消。"),
                Text("Start it again when you want to.", "想繼續時再重新開始。"),
            )
        raise JobError(
            Text(
                f"The job's process on {self.name} ended before its work was done{f': {last}' if last else '.'}",
                f"{self.name} 上的程序在完成之前就結束了{f'：{last}' if last else '。'}",
            ),
            Text(
                "It was killed, ran out of memory, or that machine went down. manage_job(action='resume') "
                "carries on from its last checkpoint there.",
                "可能被強制終止、記憶體不足或該機器關機。呼叫 manage_job(action='resume') 會從那裡最後的檢查點接續。",
            ),
            field="machine",
        )

    def cancel_remote(self) -> None:
        """End it there too; where that machine does not answer now, say so."""
        try:
            self.link.drop()
            self.remote.verb("cancel", run=self.run)
            self.job.event("stopped_there")
        except (NlpSkillsError, OSError) as error:
            print(f"not cancelled there: {error}", flush=True)
            self.job.event(
                "warning",
                message=Text(
                    f"{self.name} did not answer: what runs there may still be running. Call "
                    f"manage_job(action='cancel') again once it answers.",
                    f"{self.name} 沒有回應，那裡的工作可能還在執行。等它恢復連線後，請再呼叫一次 manage_job(action='cancel')。",
                )._asdict(),
            )

    def progress_told(self) -> Progress:
        """The newest progress of the job here."""
        return self._events.progress()

    def fetch(self, patterns: list[str], into: Path) -> Path:
        """See `fetch_files`."""
        return fetch_files(self, patterns, into)

    def forget_machine(self) -> None:
        """Look at the machine again when it is next needed."""
        self._remote = None

    def keep(self) -> None:
        """Bring home what shall outlive the machine; what cannot be had is told, and no reason to stop."""
        if self._keep is None:
            return
        try:
            self._keep(self)
        except (NlpSkillsError, OSError) as error:
            print(f"not brought home: {error}", flush=True)
            self.job.warn(
                Text(
                    f"The last checkpoint could not be fetched from {self.name}.",
                    f"無法從 {self.name} 取回最後的檢查點。",
                )
            )

    def forget(self) -> None:
        """Remove the run there; where that machine does not answer just now, it is left behind."""
        try:
            self.remote.verb("forget", run=self.run)
        except NlpSkillsError as error:
            print(f"left behind on {self.name}: {error.problem}", flush=True)


@contextmanager
def open_remote_job(
    job: RunningJob, name: str, machine: LinkedMachine, meter: Meter, run: str | None = None, keep: Keep | None = None
) -> Iterator[RemoteJob]:
    """The job's machine: rented first where it must be, given back when the job is over.

    Arguments:
        run, keep: see `RemoteJob`.

    Raises:
        BudgetError, MachineError: it cannot be had.
    """
    lease = machine.lease(job, name, meter)
    with Link(name, lease.host, lease.pinned) as link:
        remote_job = RemoteJob(job, name, machine, link, lease, run, keep)
        try:
            yield remote_job
        except BaseException as error:
            remote_job.ending = True
            lease.end(remote_job, error)
            raise
        remote_job.ending = True
        lease.end(remote_job, None)


def _last_mark(events: Path) -> dict[str, int]:
    """How far events and log were relayed before."""
    mark = {"events": 0, "log": 0}
    for line in read_events(events):
        if line.kind == "relayed":
            mark = {"events": line.events or 0, "log": line.log or 0}
    return mark


def _relayed_events(events: bytes) -> bytes:
    """What belongs into this job's own events: not that the process there started or ended."""
    kept = []
    for line in events.splitlines(keepends=True):
        with contextlib.suppress(ValueError):
            if json.loads(line)["kind"] not in ("started", "ended", "relayed"):
                kept.append(line)
    return b"".join(kept)
