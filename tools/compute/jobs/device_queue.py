"""Whose turn it is on a device of this machine: heavy jobs compute one after another, first come, first served.

Jobs of every workspace of this account stand in one line, a folder that holds for each of them

    <time>-<job>.json      its folder, how many devices it wants, and which it holds
    <time>-<job>.alive     locked by its process for as long as that lives: the kernel lets go, however it ends

A job waits in its own process, so its turn comes whether or not a server runs; nobody keeps the line.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, Field, ValidationError

from ....resources.foundation.account import configuration_folder
from ....resources.foundation.clock import now
from ....resources.foundation.errors import ConflictError, TrainingError, WorkspaceError
from ....resources.foundation.files import lock, read_json, write_json
from ....resources.foundation.language import Text
from ....resources.foundation.reasons import reason_of
from ....resources.job import JobFolder, Place
from ....resources.workspace import Workspace
from ..hardware import Gpu, Machine, describe_machine
from .running import RunningJob

FOLDER_VARIABLE = "NLP_SKILLS_QUEUE_DIR"
VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
_PROCESSOR = "cpu"
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.2, 2.0  # between two looks at the line


class Entry(BaseModel):
    """One job in line: at work on the devices it `holds`, waiting while that is empty."""

    job: str
    wants: int = 1
    at_most: int = 1
    holds: list[str] = Field(default_factory=list)


@dataclass(frozen=True)
class DeviceRequest:
    """How many devices a job needs, and how many it would take."""

    least: int = 1
    most: int = 1


def devices_of(machine: Machine) -> list[str]:
    """What jobs take turns on: the machine's best kind of GPU where PyTorch can use it, one name for each; else its
    processors together, whose memory one training fills."""
    if machine.device != "cuda":
        return [_PROCESSOR]
    named = os.environ.get(VISIBLE_VARIABLE)
    gpus = machine.gpus if named is None else _visible_gpus(machine.gpus, named)
    if not gpus:  # parts of a GPU, which only the person's own words name
        return [str(named)]
    return [gpu.uuid for gpu in best_kind(gpus)]


def best_kind(gpus: Sequence[Gpu]) -> list[Gpu]:
    """Those of the kind with the most memory: cards of two kinds would wait for each other."""
    best = max(gpus, key=lambda gpu: gpu.memory).name
    return [gpu for gpu in gpus if gpu.name == best]


def _visible_gpus(gpus: Sequence[Gpu], words: str) -> list[Gpu]:
    wanted = [word.strip() for word in words.split(",") if word.strip()]
    return [
        gpu
        for at, gpu in enumerate(gpus)
        if any(word == str(at) or (word.startswith("GPU-") and gpu.uuid.startswith(word)) for word in wanted)
    ]


@contextmanager
def acquire_devices(job: RunningJob, machine: Machine, request: DeviceRequest = DeviceRequest()) -> Iterator[list[str]]:
    """Wait in line until the devices are free, and hold them inside the block; what is imported there sees no other.

    A job that has its turn already goes on with what it holds.

    Raises:
        TrainingError: this machine does not have so many.
        Cancelled: the person took the job out of the queue.
    """
    if job.devices is not None:
        yield job.devices
        return
    devices = devices_of(machine)
    if len(devices) < request.least:
        raise TrainingError(
            Text(
                f"The training needs {request.least} GPUs; this machine has {len(devices)} of its best kind.",
                f"這次訓練需要 {request.least} 張 GPU，這台機器同型的只有 {len(devices)} 張。",
            ),
            Text(
                "Plan again with a smaller num_processes, or leave it out.", "請把 num_processes 改小或省略，重新規劃。"
            ),
            field="num_processes",
        )
    with _queue_ticket(job, request) as ticket:
        held = _wait_for_devices(job, ticket, devices)
        if devices != [_PROCESSOR]:
            os.environ[VISIBLE_VARIABLE] = ",".join(held)
        job.devices = held
        try:
            yield held
        finally:
            job.devices = None


@contextmanager
def acquire_gpu(job: RunningJob) -> Iterator[None]:
    """As `acquire_devices`, for work that only a GPU is too small for twice: on the processors it goes ahead."""
    machine = describe_machine(Workspace())
    if machine.device != "cuda":
        yield
        return
    with acquire_devices(job, machine):
        yield


def jobs_ahead(machine: Machine, least: int = 1) -> list[JobFolder]:
    """The jobs, oldest first, that one which asked for so many devices now would have to wait for; none where it would
    begin at once."""
    with contextlib.suppress(ConflictError, OSError), lock(queue_folder() / "line"):
        line = [entry for _, entry in _live_entries()]
        taken = {device for entry in line for device in entry.holds}
        waits = any(not entry.holds for entry in line) or len(set(devices_of(machine)) - taken) < least
        return [JobFolder(Path(entry.job)) for entry in line] if waits else []
    return []


def jobs_with_devices() -> list[JobFolder]:
    """The jobs that have a device now."""
    with contextlib.suppress(ConflictError, OSError), lock(queue_folder() / "line"):
        return [JobFolder(Path(entry.job)) for _, entry in _live_entries() if entry.holds]
    return []


def queue_folder() -> Path:
    """The line of this machine for this account: home folders are shared between machines, processes are not."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser()
    return configuration_folder() / "queue" / (re.sub(r"[^A-Za-z0-9-]+", "-", platform.node()) or "here")


@contextmanager
def _queue_ticket(job: RunningJob, request: DeviceRequest) -> Iterator[Path]:
    """The job's own entry, for as long as the block lasts."""
    ticket = queue_folder() / f"{_time_in_line(job.folder):020.6f}-{job.folder.id}.json"
    alive = FileLock(str(ticket.with_suffix(".alive")))
    try:
        with lock(queue_folder() / "line"):
            alive.acquire(timeout=10)
            write_json(ticket, Entry(job=str(job.folder.root), wants=request.least, at_most=request.most).model_dump())
    except OSError as error:
        raise WorkspaceError(
            Text(
                "The job queue {folder} cannot be written: {reason}.", "無法寫入排隊用的資料夾 {folder}：{reason}。"
            ).format(folder=queue_folder(), reason=reason_of(error)),
            Text(
                f"Set {FOLDER_VARIABLE} to a folder you own, then call manage_job(action='resume').",
                f"請把 {FOLDER_VARIABLE} 設成你有權限的資料夾，再呼叫 manage_job(action='resume')。",
            ),
        ) from error
    try:
        yield ticket
    finally:
        job.folder.queued_file.unlink(missing_ok=True)
        ticket.unlink(missing_ok=True)
        alive.release()
        ticket.with_suffix(".alive").unlink(missing_ok=True)


def _time_in_line(folder: JobFolder) -> float:
    """When the job was submitted, or resumed: its place in line, however long its process took to come up."""
    with contextlib.suppress(FileNotFoundError):
        return folder.starter_file.stat().st_mtime
    return time.time()


def _wait_for_devices(job: RunningJob, ticket: Path, devices: list[str]) -> list[str]:
    """Look until it is this ticket's turn; meanwhile the job is `queued`."""
    since, told, pause = now(), None, _SHORTEST_SECONDS
    device: Literal["cpu", "gpu"] = "cpu" if devices == [_PROCESSOR] else "gpu"
    while True:
        with contextlib.suppress(ConflictError), lock(queue_folder() / "line"):
            living = _live_entries()
            if held := _take_devices(ticket, living, devices):
                if told:
                    job.event("turn", devices=held)
                    job.say_message(Text("its turn has come", "輪到了，開始執行"))
                    job.folder.queued_file.unlink(missing_ok=True)
                return held
            waiting = [entry.job for path, entry in living if path < ticket and not entry.holds]
            place = Place(
                position=len(waiting) + 1,
                device=device,
                since=since,
                ahead=[entry.job for _, entry in living if entry.holds] + waiting,
            )
            if place != told:
                write_json(job.folder.queued_file, place.model_dump())
                job.event("queued", **place.model_dump())
                told = place
                job.say_message(describe_place(place))
        job.check_cancelled()
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_SECONDS)


def _take_devices(ticket: Path, living: list[tuple[Path, Entry]], devices: list[str]) -> list[str]:
    """The devices for this ticket, if they are free and nobody who came before it waits."""
    taken = {device for _, entry in living for device in entry.holds}
    free = [device for device in devices if device not in taken]
    for path, entry in living:
        if path == ticket:
            if len(free) < entry.wants:
                return []
            held = free[: entry.at_most]
            write_json(ticket, entry.model_copy(update={"holds": held}).model_dump())
            return held
        if not entry.holds:
            return []
    return []


def _live_entries() -> list[tuple[Path, Entry]]:
    """The line, oldest first. An entry whose process is gone is removed, once nothing of its job runs any more or the
    job, resumed, stands in line again.

    Call with the line locked.
    """
    living, gone = [], []
    for ticket in sorted(queue_folder().glob("*.json")):
        try:
            entry = Entry.model_validate(read_json(ticket))
        except (OSError, ValueError, ValidationError):
            entry = Entry(job="")
        alive = FileLock(str(ticket.with_suffix(".alive")))
        try:
            alive.acquire(timeout=0)
            alive.release()
            gone.append((ticket, entry))
        except Timeout:
            living.append((ticket, entry))
    again = {entry.job for _, entry in living}
    for ticket, entry in gone:
        if entry.holds and entry.job not in again and JobFolder(Path(entry.job)).family():
            living.append((ticket, entry))  # what a killed job had started still fills the device
        else:
            ticket.unlink(missing_ok=True)
            ticket.with_suffix(".alive").unlink(missing_ok=True)
    return sorted(living, key=lambda place: place[0])


def describe_place(place: Place) -> Text:
    """The place in words."""
    device = Text("the GPU", " GPU") if place.device == "gpu" else Text("the processor", "處理器")
    ahead = ", ".join(Path(folder).name for folder in place.ahead)
    said = Text(
        "waiting for {device}, number {position} in the queue, after {ahead}",
        "等待{device}，排在第 {position} 位，前面是 {ahead}",
    )
    return said.format(device=device, position=place.position, ahead=ahead)
