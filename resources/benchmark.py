"""`benchmark.json`: what is recorded of a frozen benchmark."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from .foundation.errors import DataError, NlpSkillsError
from .record import Part, Record


class BenchmarkChange(Part):
    """How a benchmark came to its form.

    Arguments:
        before: the hash it had.
        labels: what each label that went is called since; nothing where its rows were left out.
        left_out: how many rows were.
    """

    at: str = ""
    before: str = ""
    by: str = ""
    labels: dict[str, list[str]] = Field(default_factory=dict)
    left_out: int = 0


class BenchmarkManifest(Record):
    """A test set as it was frozen.

    Arguments:
        hash: the SHA-256 of `rows.jsonl`.
        snapshot: the one whose test split it was, or whose labels its rows have.
        changes: how it came to its form, oldest first.
        replaces: the benchmark that it is used instead of, for the `reason` that somebody gave.
    """

    error_type: ClassVar[type[NlpSkillsError]] = DataError

    name: str
    hash: str
    count: int
    snapshot: str | None = None
    label_counts: dict[str, int] = Field(default_factory=dict)
    created: str
    replaces: str | None = None
    reason: str | None = None
    by: str | None = None
    changes: list[BenchmarkChange] = Field(default_factory=list)
