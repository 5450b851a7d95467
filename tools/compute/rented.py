"""What a job's folder says about the machine it rented: `rental.json`."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from ...resources.clock import now
from ...resources.files import read_json, write_json
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.language import Text


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
        write_json(job.root / "rental.json", self.model_dump(mode="json"))
        return self

    @classmethod
    def read(cls, job: JobFolder) -> Record | None:
        try:
            return cls.model_validate(read_json(job.root / "rental.json"))
        except (FileNotFoundError, ValidationError, ValueError):
            return None

    def back(self, job: JobFolder) -> Record:
        """It was given back, and costs no more."""
        return self.model_copy(update={"given_back": now()}).write(job)


def rented_and_idle(jobs: list[JobFolder]) -> Text | None:
    """The jobs that are over but whose machine was never given back, as our own records say: nobody is asked."""
    found = [(job, record) for job in jobs
             if (record := Record.read(job)) and record.up and job.state() not in ACTIVE_STATES]
    if not found:
        return None
    job, record = found[0]
    shown = ", ".join(f"{record.machine} ({record.cluster})" for _, record in found)
    return Text(
        f"Still rented, as far as is known here: {shown}. manage_job(job_id={job.id!r}, action='resume') fetches what it "
        "made; action='cancel' gives it back.",
        f"就這裡的紀錄，仍在租用：{shown}。manage_job(job_id={job.id!r}, action='resume') 會取回成果；"
        "action='cancel' 則直接退租。")
