"""What a job's folder says about the machine it rented: `rental.json`.

The workspace names the jobs whose machines may cost money now, one small file each, so that looking costs nothing.
"""

from __future__ import annotations

import contextlib

from pydantic import BaseModel, ValidationError

from ....resources.foundation.clock import now
from ....resources.foundation.files import read_json, write_json
from ....resources.foundation.language import Text
from ....resources.job import ACTIVE_STATES, JobFolder, active_jobs
from ....resources.workspace import Workspace

GIVE_BACK = "give_back"  # the kind of job that does it for a job that was cancelled
_FILE = "rental.json"


class Record(BaseModel):
    """A cluster of SkyPilot's: since when it was asked for, stood, and was given back."""

    format: int = 1
    machine: str
    cluster: str
    asked: str
    stood: str | None = None
    given_back: str | None = None

    @property
    def up(self) -> bool:
        """Whether it may cost money now."""
        return self.given_back is None

    def write(self, job: JobFolder) -> Record:
        mark = Workspace(job.root.parents[2]).rented / f"{job.id}.json"
        if self.up:  # named first: a kill in between leaves a name without a record, and no machine without a name
            write_json(mark, {"format": 1, "folder": "/".join(job.root.parts[-3:])})
        write_json(job.root / _FILE, self.model_dump(mode="json"))
        if not self.up:
            mark.unlink(missing_ok=True)
        return self

    @classmethod
    def read(cls, job: JobFolder) -> Record | None:
        try:
            return cls.model_validate(read_json(job.root / _FILE))
        except (FileNotFoundError, ValidationError, ValueError):
            return None

    def back(self, job: JobFolder) -> Record:
        """It was given back, and costs no more."""
        return self.model_copy(update={"given_back": now()}).write(job)


def left_rented(workspace: Workspace) -> Text | None:
    """As `rented_and_idle`, of the whole workspace."""
    if not workspace.rented.is_dir():
        return None
    named = []
    for mark in sorted(workspace.rented.glob("*.json")):
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):  # given back meanwhile; or spoilt
            named.append(JobFolder(workspace.root / read_json(mark)["folder"]))
    return rented_and_idle(named)


def rented_and_idle(jobs: list[JobFolder]) -> Text | None:
    """The jobs that are over but whose machine was never given back, as our own records say: nobody is asked."""
    found = [
        (job, record)
        for job in jobs
        if (record := Record.read(job)) and record.up and job.state() not in ACTIVE_STATES and not giving_back(job)
    ]
    if not found:
        return None
    job, record = found[0]
    shown = ", ".join(f"{record.machine} ({record.cluster})" for _, record in found)
    return Text(
        f"Still rented, as far as is known here: {shown}. manage_job(job_id={job.id!r}, action='resume') fetches what it "
        "made; action='cancel' gives it back.",
        f"就這裡的紀錄，仍在租用：{shown}。manage_job(job_id={job.id!r}, action='resume') 會取回成果；"
        "action='cancel' 則直接退租。",
    )


def giving_back(job: JobFolder) -> JobFolder | None:
    """The job that is giving back the machine of that one, if one is."""
    return next((one for one in active_jobs(job.root.parent, GIVE_BACK) if job.id in one.spec().arguments), None)
