"""`lineage.yaml`: the form of what a version's commits say."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .foundation.json_object import JsonObject
from .record import Number, Part, Record
from .snapshot import Accepted


class LineageData(Part):
    """Which rows: the hash of what came from the sources, the snapshot's hash, and the number of rows in each split.

    Arguments:
        accepted: errors of validation that a person has overridden.
    """

    source_hash: str | None = None
    snapshot: str | None = None
    train_count: int | None = None
    valid_count: int | None = None
    test_count: int | None = None
    accepted: list[Accepted] = Field(default_factory=list)


class ChangeDetail(Part):
    """One difference to the parent: a setting by its `path`, or rows of a `split` (and a `label`), from what to what."""

    model_config = ConfigDict(serialize_by_alias=True)

    path: str | None = None
    label: str | None = None
    split: str | None = None
    before: object = Field(None, alias="from")
    after: object = Field(None, alias="to")
    text: dict[str, str] = Field(default_factory=dict)


class Prediction(Part):
    """What a diagnosis expected of a version, beside what happened.

    Arguments:
        because: why it was expected, by language.
        value: what was measured.
    """

    metric: str = ""
    low: Number = 0
    high: Number = 0
    because: dict[str, str] | str | None = None
    value: Number | None = None
    outcome: Literal["within", "above", "below", "not_measured"] = "not_measured"


class VersionCost(Part):
    """What training has cost, beside what was expected, as lowest and highest, and agreed to."""

    spent: Number
    estimate: tuple[Number, Number]
    per_hour: Number
    currency: str


class Lineage(Record):
    """The content of `lineage.yaml`; only `version` is required, so the seed's own example is valid as it stands.

    Arguments:
        cloned_from: of the first versions of a task that was cloned.
        results: the newest evaluation's metrics by name; beside them `intervals`, `benchmark`, `benchmark_hash`, `evaluated`.
        changes: what is new in it: sentences that were found, then a person's own.
        hashes: of `config`, `base_model`, `base_model_file` (the GGUF file), `model` and `predictions`.
    """

    version: str
    created: str | None = None
    parent: str | None = None
    cloned_from: JsonObject | None = None
    status: str | None = None
    data: LineageData = Field(default_factory=LineageData)
    config: JsonObject = Field(default_factory=dict)  # the method's settings
    results: JsonObject = Field(default_factory=dict)  # each metric by its name
    prediction: Prediction | None = None
    changes: list[str] = Field(default_factory=list)
    change_details: list[ChangeDetail] = Field(default_factory=list)
    seed: int | None = None
    hashes: dict[str, str] = Field(default_factory=dict)
    environment: JsonObject = Field(default_factory=dict)  # a part of environment.json
    hardware: JsonObject | None = None  # as there
    cost: VersionCost | None = None
