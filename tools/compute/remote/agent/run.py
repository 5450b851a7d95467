"""Start a run, attend it, look at it, end it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from .folders import CHUNK, close_torn_line, job_folder, read_from, size_of, write_file
from .messages import Asked, Attended, AttendRequest, LookRequest, Nothing, RunRequest, RunSeen, RunState, StartRequest
from .processes import FAMILY, alive_pid, end_family, family_of, identity_of, living_pid, send_signal

_POLITE_SECONDS = 3.0  # between asking a job to end and ending it
_ATTENTION_SECONDS = 0.5


def start(folder: Path, given: StartRequest) -> RunState:
    """Start the run's command detached, unless it runs already or this very attempt has been started before.

    With `attended`, an attending process starts it, as its own child: a batch system ends what a connection leaves.
    """
    import fcntl  # Linux; this module is imported on other systems too

    run, job = folder / "runs" / given["run"], job_folder(folder, given["run"])
    with (run / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        attempt = job / "attempt"
        if living_pid(job) or (attempt.is_file() and attempt.read_text() == given["attempt"]):
            return {"state": state_of(job)}
        end_family(job)  # a killed process may have left children
        for stale in ("exit.json", "pid", "cancel"):
            (job / stale).unlink(missing_ok=True)
        if "note" in given:
            write_file(job / "note.json", given["note"])
        close_torn_line(job / "events.jsonl")
        asked: Asked = {"command": given["command"], "environment": given["environment"]}
        if given.get("attended"):
            write_file(job / "asked.json", asked)
        else:
            _begin(run, job, asked)
        write_file(attempt, given["attempt"], plain=True)
        return {"state": state_of(job)}


def attend(folder: Path, given: AttendRequest) -> Attended:
    """Wait at most `seconds` for the run to be asked for, start it, and wait for its end."""
    run, job = folder / "runs" / given["run"], job_folder(folder, given["run"])
    job.mkdir(parents=True, exist_ok=True)
    write_file(job / "attendant", identity_of(os.getpid()))
    until = time.monotonic() + given["seconds"]
    while not (job / "asked.json").is_file():
        if time.monotonic() > until:
            return {"attended": False}
        time.sleep(_ATTENTION_SECONDS)
    asked = json.loads((job / "asked.json").read_text(encoding="utf-8"))
    process = _begin(run, job, asked)
    (job / "asked.json").unlink()
    process.wait()
    return {"attended": True, "code": process.returncode}


def _begin(run: Path, job: Path, asked: Asked) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **asked["environment"], FAMILY: str(job)}
    with (job / "output.log").open("ab") as output:
        process = subprocess.Popen(
            asked["command"],
            cwd=run,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if not (job / "pid").exists():
        write_file(job / "pid", identity_of(process.pid))
    return process


def look(folder: Path, given: LookRequest) -> RunSeen:
    """The run's state, and what its events and its log hold from those byte offsets on (whole lines, base64)."""
    job = job_folder(folder, given["run"])
    state = state_of(job)  # before the reading, so that an ended run has nothing more to say after it
    events, log = read_from(job / "events.jsonl", given["events"]), read_from(job / "output.log", given["log"])
    if state == "running" or len(events) == CHUNK:
        events = events[: events.rfind(b"\n") + 1]
    more = len(events) + given["events"] < size_of(job / "events.jsonl") and bool(events)
    ended = json.loads((job / "exit.json").read_text(encoding="utf-8")) if (job / "exit.json").is_file() else None
    return {
        "state": state,
        "exit": ended,
        "events": base64.b64encode(events).decode(),
        "attended": alive_pid(job / "attendant") is not None,
        "asked": (job / "asked.json").is_file(),
        "log": base64.b64encode(log).decode(),
        "more": more or len(log) == CHUNK,
    }


def cancel(folder: Path, given: RunRequest) -> RunState:
    """End the run and everything it started: ask, wait a little, end what is left."""
    job = job_folder(folder, given["run"])
    if not job.is_dir():
        return {"state": "absent"}
    (job / "cancel").touch()
    (job / "asked.json").unlink(missing_ok=True)
    for pid in family_of(job):
        send_signal(pid, signal.SIGTERM)
    until = time.monotonic() + _POLITE_SECONDS
    while family_of(job) and time.monotonic() < until:
        time.sleep(0.05)
    end_family(job)
    return {"state": state_of(job)}


def forget(folder: Path, given: RunRequest) -> Nothing:
    """Remove the run's folder; what was sent stays among the blobs for the next run."""
    run = folder / "runs" / given["run"]
    end_family(job_folder(folder, given["run"]))
    shutil.rmtree(run, ignore_errors=True)
    return {}


def state_of(job: Path) -> str:
    """As resources/job.py has it; `absent` where it was never started."""
    for _ in range(2):  # it may end between the two looks
        if (job / "exit.json").is_file():
            return str(json.loads((job / "exit.json").read_text(encoding="utf-8"))["state"])
        if living_pid(job):
            return "running"
    if not (job / "pid").is_file():
        return "absent"
    if (job / "cancel").exists():
        return "cancelled"
    return "interrupted" if json.loads((job / "pid").read_text(encoding="utf-8")).get("ready") else "failed"
