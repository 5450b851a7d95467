"""What the jobs that ask models come to, beside `message` and `next_step`."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from ...resources.foundation.json_object import JsonObject
from ...resources.record import Number
from ..compute.jobs.result import JobResult


class Measurements(JobResult):
    """An evaluation's figures as its record writes them, and whether the person's goal is met."""

    evaluation: str
    benchmark: JsonObject
    metrics: dict[str, JsonObject]
    met: bool | None
    threshold: Number | None
    simplest_wins: bool
    results: str


class EvaluatedVersion(Measurements):
    """A version's; `per_class` and `baselines` without their intervals."""

    version: str
    decoding: str
    not_measured: NotRequired[dict[str, JsonObject]]
    per_class: dict[str, JsonObject]
    other_decoding: dict[str, Number | None]
    baselines: dict[str, JsonObject]
    report: str


class EvaluatedModel(Measurements):
    """Those of a model that was not trained here."""

    model: str


class SaidAnswer(TypedDict):
    """What a model wrote and how it is read, both as the task allows to quote it; seconds a row took."""

    said: str
    read: str | None
    seconds: float


class AskedRow(TypedDict):
    """A row and every model's answer to it, by the model's name."""

    text: str
    entity: NotRequired[str]
    gold: NotRequired[str | None]
    answers: dict[str, SaidAnswer]


class AskedModels(JobResult):
    rows: list[AskedRow]


class AnsweredFile(JobResult):
    """Where the answers stand, in the task's folder, and how many."""

    file: str
    rows: int


class ProposedLabels(JobResult):
    """How many rows got a label and how many none; `proposals` is the key they are kept under."""

    proposed: int
    no_label: int
    proposals: str
