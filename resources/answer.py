"""What every tool answers with: what happened, and the one next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from .foundation.external import EXTERNAL
from .foundation.json_object import JsonObject
from .foundation.language import Text
from .job import JobState, Place, Progress

if TYPE_CHECKING:
    from .task import Task

OPEN_ROWS = WithJsonSchema({"type": "array"})
OPEN_GROUP = WithJsonSchema({"type": ["object", "null"]})
"""Of a part of an answer that is for reading: what it holds may change, so no client is promised its fields."""

GoalStatus = Literal["met", "close", "gap", "no_goal"]
"""How a version stands against the person's own goal."""


class NextStep(BaseModel):
    """What to do now: `say` is for the person (in their language), `tool` and `arguments` are the exact next call."""

    say: str
    tool: str | None = None
    arguments: JsonObject = Field(default_factory=dict)


class Answer(BaseModel):
    """The shared head of every tool result; `external_texts` says how to read what others wrote."""

    message: str
    next_step: NextStep
    external_texts: SkipJsonSchema[str] = Field(default_factory=lambda: str(EXTERNAL))


class JobView(BaseModel):
    """A job as a client sees it; `place` is where it stands in line. What a program acts on is promised in the schema."""

    id: str
    kind: SkipJsonSchema[str]
    state: JobState
    progress: Progress
    place: SkipJsonSchema[Place | None] = None
    result: JsonObject = Field(default_factory=dict)
    folder: SkipJsonSchema[str]
    warnings: SkipJsonSchema[list[str]] = Field(default_factory=list)


class JobAnswer(Answer):
    """The answer of a tool that started or looked at a job."""

    job: JobView


HIDDEN = Text("[hidden: this task's data stays on-premise]", "［不顯示：此任務的資料不得離開內部環境］")


def quote_row_text(task: Task, text: str, limit: int = 200) -> str:
    """Row text fit for a tool result: cut to `limit` characters, or hidden where the task's privacy forbids it."""
    if task.constraints.privacy == "on-premise":
        return str(HIDDEN)
    return text if len(text) <= limit else text[:limit] + "…"
