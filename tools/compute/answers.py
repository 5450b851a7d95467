"""What the tools of jobs answer with. Kept apart from the work: the server describes them when it starts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from ...resources.answer import Answer, JobView, NextStep
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.job import JobState, Progress

What = Literal["environment", "base_model", "machine"]


class SetUp(Answer):
    """What `set_up` found or did: the plan waits for a yes, `job` is under way, `path` already exists."""

    plan: JsonObject = Field(default_factory=dict)  # what it takes, as each thing or kind of machine tells it
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


def asks(plan: JsonObject, words: Text, what: What, name: str | None) -> SetUp:
    """The plan, to be agreed to."""
    say = Text(
        "Tell the person the size and the licence or place, and call again with confirm=true after their yes.",
        "請把大小與授權或位置告訴使用者，得到同意後再以 confirm=true 呼叫一次。",
    )
    arguments = {"what": what, "confirm": True} | ({"name": name} if name else {})
    return SetUp(message=str(words), plan=plan, next_step=NextStep(say=str(say), tool="set_up", arguments=arguments))


def stands(words: Text, path: str) -> SetUp:
    """Nothing is to be done."""
    say = Text("Nothing to do; go on with the task.", "不需要再設定，請繼續任務。")
    return SetUp(message=str(words), path=path, next_step=NextStep(say=str(say), tool="coach"))
