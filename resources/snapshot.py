"""`manifest.json` of a data snapshot, and `data_snapshot.json`: what a version records of it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .data_source import SplitPolicy
from .foundation.errors import DataError, NlpSkillsError
from .record import Part, Record

SnapshotKind = Literal["generated", "manual"]


class BenchmarkName(Part):
    """A benchmark by its name and the hash of its rows."""

    name: str = ""
    hash: str = ""


class Accepted(Part):
    """An error of validation that a person has overridden: which, of how many rows, why, who and when."""

    finding: str = ""
    count: int = 0
    reason: str = ""
    by: str = ""
    at: str = ""


class DataSnapshot(Record):
    """What a version was trained on: hashes and counts of each split.

    Arguments:
        accepted: errors of validation that a person has overridden.
    """

    hash: str = ""
    source_hash: str = ""
    counts: dict[str, int] = Field(default_factory=dict)
    label_counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    file_hashes: dict[str, str] = Field(default_factory=dict)
    benchmark: BenchmarkName | None = None
    kind: SnapshotKind | None = None
    parent: str | None = None
    created: str | None = None
    accepted: list[Accepted] = Field(default_factory=list)


class SnapshotManifest(DataSnapshot):
    """The content of a snapshot's `manifest.json`: also the raw snapshots it was made of, and how it was split."""

    error_type: ClassVar[type[NlpSkillsError]] = DataError

    raw: list[str] = Field(default_factory=list)
    split: SplitPolicy = Field(default_factory=SplitPolicy)
