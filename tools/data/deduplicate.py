"""Exact duplicates: the same input, or the same value of the columns a person chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .prompting import gold_of
from .rows import Row, normalise

IDENTITY = {"text", "entity"}


class Deduplicated(NamedTuple):
    """The first row of each kind; the later ones, which were removed; pairs of the same input with different answers."""

    rows: Sequence[Row]
    later: Sequence[Row]
    conflicts: list[tuple[Row, Row]]

    @property
    def removed(self) -> int:
        return len(self.later)


def deduplicate(rows: Sequence[Row], columns: Sequence[str]) -> Deduplicated:
    """Keep the first row for each input, and for each value of `columns` (normalised; where a row has them)."""
    first: dict[str, Row] = {}
    conflicts: list[tuple[Row, Row]] = []
    later: list[Row] = []
    for row in rows:
        earlier = first.setdefault(row["id"], row)
        if earlier is not row:
            later.append(row)
            if gold_of(earlier) != gold_of(row):
                conflicts.append((earlier, row))
    if set(columns) == IDENTITY:  # what the id is made of
        return Deduplicated(list(first.values()), later, conflicts)
    kept: dict[tuple[str, ...], Row] = {}
    for row in first.values():
        if kept.setdefault(_key(row, columns), row) is not row:
            later.append(row)
    return Deduplicated(list(kept.values()), later, conflicts)


def _key(row: Row, columns: Sequence[str]) -> tuple[str, ...]:
    values = tuple(normalise(str(row.get(column) or "")) for column in columns)
    return values if any(values) else (row["id"],)
