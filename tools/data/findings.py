"""How findings of validation are made: with a few of the rows they concern, and all of them for the file that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from pydantic import PrivateAttr

from ...resources.foundation.language import Text
from ...resources.validation import Finding
from .rows import Row

Pair = tuple[str, Row]  # the split that a row stands in, and the row
EXAMPLES = 5
ROW_TEXT = (
    "text",
    "entity",
    "label",
    "spans",
    "output",
    "chosen",
    "rejected",
    "system",
    "turns",
    "key",
)  # what a finding quotes
_SHOWN = ("id", *ROW_TEXT, "line")
_MOST_IDS = 1000


class _FindingWithRows(Finding):
    """A finding that still holds all of its rows, for the file that lists them; what is written keeps the examples."""

    _groups: Sequence[Sequence[Pair]] = PrivateAttr(())  # rows that concern each other together; else one group
    _quotes: bool = PrivateAttr(True)  # whether the rows may be quoted where the finding is listed


class PairsOf(Sequence[Pair]):
    """Rows of one split as a finding has them, made when they are asked for: they may be a great many."""

    def __init__(self, split: str, rows: Sequence[Row]) -> None:
        self._split, self._rows = split, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Pair]:
        return ((self._split, row) for row in self._rows)

    @overload
    def __getitem__(self, place: int) -> Pair: ...

    @overload
    def __getitem__(self, place: slice) -> PairsOf: ...

    def __getitem__(self, place: int | slice) -> Pair | PairsOf:
        return PairsOf(self._split, self._rows[place]) if isinstance(place, slice) else (self._split, self._rows[place])


def finding(
    code: str, count: int, message: Text, rows: Iterable[Pair] = (), groups: Sequence[Sequence[Pair]] = ()
) -> Finding:
    """One thing validation found, with a few of the rows it concerns.

    Arguments:
        groups: all of its rows, those that concern each other together; where there are none, all are `rows`.
    """
    all_rows = list(rows)
    examples = [
        {"split": name, **{key: row[key] for key in _SHOWN if row.get(key) is not None}}
        for name, row in all_rows[:EXAMPLES]
    ]
    found = _FindingWithRows(code=code, count=count, message=message._asdict(), examples=examples)
    found._groups = groups or [all_rows]
    return found


def private_finding(code: str, count: int, message: Text, rows: Iterable[Pair]) -> Finding:
    """A finding that names its rows (`ids`, the first 1,000) and never quotes them."""
    all_rows = list(rows)
    named = [{"split": name, "id": row["id"]} for name, row in all_rows]
    found = _FindingWithRows(
        code=code,
        count=count,
        message=message._asdict(),
        examples=named[:EXAMPLES],
        ids=[row["id"] for row in named[:_MOST_IDS]],
    )
    found._groups, found._quotes = [all_rows], False
    return found


def groups_of(found: Finding) -> Sequence[Sequence[Pair]]:
    """All rows that a finding made in this process concerns."""
    return [group for group in found._groups if group] if isinstance(found, _FindingWithRows) else []


def quotes_rows(found: Finding) -> bool:
    return isinstance(found, _FindingWithRows) and found._quotes
