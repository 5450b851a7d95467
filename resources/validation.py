"""`validation.json`: what validation found in the rows of a snapshot, and what a person has overridden."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from .foundation.errors import DataError, NlpSkillsError
from .foundation.json_object import JsonObject
from .foundation.language import Text
from .record import Number, Part, Record


class Overridden(Part):
    """Why, by whom and when a person let a finding stand."""

    reason: str = ""
    by: str = ""
    at: str = ""


class Finding(Part):
    """One thing validation found.

    Arguments:
        count: of how many rows (or labels, where it is about those).
        message: what is said of it, by language.
        examples: some of the rows: their split, what they hold, where they come from.
        ids: the rows' ids, where they are not to be quoted.
        file: the sheet that lists its rows, below the task's folder.
        decision: why it stands, where a person overrode it.
        changed: of a benchmark's rows, how many the data answers otherwise now; `gone`: how many it has no more.
    """

    code: str
    count: int
    message: dict[str, str] = Field(default_factory=dict)
    examples: list[JsonObject] = Field(default_factory=list)  # fields of rows
    ids: list[str] | None = None
    file: str | None = None
    decision: Overridden | None = None
    changed: int | None = None
    gone: int | None = None

    @property
    def text(self) -> Text:
        return Text(self.message.get("en", ""), self.message.get("zh", ""))


class RowFigures(Part):
    """How many rows and labels each split has; how long the texts are, in characters: `min`, `median`, `p95`, `max`."""

    rows: int = 0
    counts: dict[str, int] = Field(default_factory=dict)
    label_counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    characters: dict[str, Number] = Field(default_factory=dict)


class ValidationReport(Record):
    """What validation found: errors stop, warnings advise, accepted are errors that a person overrode.

    Arguments:
        rules: the hash of what the rows were held against; a report made under other rules is out of date.
    """

    error_type: ClassVar[type[NlpSkillsError]] = DataError

    rules: str = ""
    errors: list[Finding] = Field(default_factory=list)
    warnings: list[Finding] = Field(default_factory=list)
    accepted: list[Finding] = Field(default_factory=list)
    figures: RowFigures = Field(default_factory=RowFigures)
