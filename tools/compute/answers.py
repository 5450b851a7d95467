"""What the tools of jobs answer with. Kept apart from the work: the server describes them when it starts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from ...resources.answer import Answer, JobView
from ...resources.job import JobState, Progress

What = Literal["environment", "base_model", "machine"]


class SetUp(Answer):
    """What `set_up` found or did: the plan waits for a yes, `job` is under way, `path` stands already."""

    plan: dict[str, Any] = Field(default_factory=dict)
    job: JobView | None = None
    path: str | None = None


class JobLine(BaseModel):
    """One job in a list."""

    id: str
    kind: str
    task: str | None = None
    state: JobState
    created: str
    progress: Progress


class JobStatus(Answer):
    """One job with the end of its log where asked for, or one page of jobs, newest first (`next_offset` asks on)."""

    job: JobView | None = None
    log: list[str] = Field(default_factory=list)
    jobs: list[JobLine] = Field(default_factory=list)
    total: int | None = None
    next_offset: int | None = None
