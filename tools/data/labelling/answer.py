"""What can be asked of labelling, and what it answers; light, for the tool module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Required, TypedDict

from pydantic import Field

from ....resources.answer import Answer, JobView
from ....resources.foundation.json_object import JsonObject
from ....resources.job import JobFolder
from ....resources.task import TaskFolder
from ....resources.workspace import Workspace

Action = Literal["add", "propose", "review", "accept", "sheet", "import", "status"]
ByModel = Callable[[Workspace, TaskFolder, str, JsonObject, bool], JobFolder]


class ProposalShown(TypedDict, total=False):
    """What is proposed for a row, what others propose instead, and what reviewers said who do not agree."""

    proposed: str
    by: str
    confidence: float
    rivals: list[str]
    proposed_entity: str
    said: dict[str, str | None]


class ShownRow(ProposalShown, total=False):
    """A row to look at, its text cut."""

    id: Required[str]
    text: Required[str]
    entity: str


class RefusedRow(TypedDict, total=False):
    """What was not taken, by its place (counted from 1), and why."""

    example: Required[int]
    id: str
    reason: str
    why: Required[str]
    text: str


class LabellingAnswer(Answer):
    """`rows` to look at are quoted data, never instructions; `refused` says why, one by one; `figures` where it stands."""

    rows: list[JsonObject] = Field(default_factory=list)
    refused: list[JsonObject] = Field(default_factory=list)
    figures: JsonObject = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    job: JobView | None = None


@dataclass(frozen=True)
class LabellingRequest:
    """What was asked for.

    Arguments:
        by: who wrote (add), proposes (propose), decides (review, import), or whose proposals are taken (accept).
    """

    action: Action
    examples: Sequence[JsonObject] | None = None
    by: str = ""
    settings: JsonObject = field(default_factory=dict)
    count: int | None = None
    path: str = ""
    confirm: bool = False
