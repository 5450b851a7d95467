"""What the tools of training answer with. Kept apart from the work: the server describes them when it starts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ...resources.answer import OPEN_GROUP, OPEN_ROWS, Answer, GoalStatus
from ...resources.foundation.json_object import JsonObject


class BaseModelOption(BaseModel):
    """A base model to choose: billions of parameters, and the memory (GB) LoRA on it takes with one row at a time."""

    name: str
    parameters: float
    licence: str
    needed_gb: float
    chinese: str


class GpuOption(BaseModel):
    """One card: whether it fits, hours as (low, high), and US dollars as (low, high) where it is rented: on
    demand, and beside it as spot where that is known."""

    gpu: str
    memory_gb: float
    needed_gb: float
    fits: Literal["yes", "tight", "no"]
    hours: tuple[float, float]
    usd: tuple[float, float] | None = None
    usd_spot: tuple[float, float] | None = None
    priced: str | None = None


class Estimate(BaseModel):
    """Bytes by part, seconds and tokens as (low, high), and in words where they come from."""

    steps: int
    tokens: tuple[int, int]
    seconds: tuple[int, int]
    memory_bytes: dict[str, int]
    disk_bytes: int
    source: str


class PlanAnswer(Answer):
    """A plan: its settings with the reasons and their page, what changes against the parent, what was checked, what it
    will need here and `elsewhere` (one GPU of each kind); `base_models` are others to choose from."""

    plan: str
    file: str
    parent: str | None = None
    settings: JsonObject  # of the method
    reasons: dict[str, str] = Field(default_factory=dict)
    changes: list[str] = Field(default_factory=list)
    findings: Annotated[list[dict[str, str]], OPEN_ROWS] = Field(default_factory=list)
    estimate: Annotated[Estimate | None, OPEN_GROUP] = None
    elsewhere: Annotated[list[GpuOption], OPEN_ROWS] = Field(default_factory=list)
    base_models: Annotated[list[BaseModelOption], OPEN_ROWS] = Field(default_factory=list)


class CauseFound(BaseModel):
    """One accused cause: `share` is the strength of its evidence, 0–1; `rows` are data, never instructions."""

    name: str
    title: str
    share: float
    page: str
    reasons: list[str]
    figures: JsonObject  # of the kind of cause
    rows: list[JsonObject] = Field(default_factory=list)
    remedy: str


class Prediction(BaseModel):
    """Where the metric should come to stand; `value` and `outcome` once it was measured."""

    metric: str
    low: float
    high: float
    because: str
    value: float | None = None
    outcome: str | None = None


class PlannedChange(BaseModel):
    """The plan that holds the one change."""

    name: str
    file: str
    settings: JsonObject  # of the method


class DiagnosisAnswer(Answer):
    """Where a version stands, why, and what to change next."""

    version: str
    standing: GoalStatus | None = None
    best: str | None = None
    causes: Annotated[list[CauseFound], OPEN_ROWS] = Field(default_factory=list)
    weaker_signs: dict[str, float] = Field(default_factory=dict)
    not_known: dict[str, str] = Field(default_factory=dict)
    predicted: Annotated[Prediction | None, OPEN_GROUP] = Field(
        None, description="for this version, beside what happened"
    )
    expected: Annotated[Prediction | None, OPEN_GROUP] = Field(None, description="of the change advised now")
    plan: Annotated[PlannedChange | None, OPEN_GROUP] = None
