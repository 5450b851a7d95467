"""What validation says of the data: `{code, count, message: {en, zh}, examples: [{split, id, text, …}]}`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from ...resources.foundation.language import Text
from .rows import Row

Finding = dict[str, Any]
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


class _Found(dict[str, Any]):
    """A finding that still holds all of its rows, for the file that lists them; what is written keeps the examples.

    Arguments:
        groups: rows that concern each other together; one group where they do not.
        quotes: whether the rows may be quoted where the finding is listed.
    """

    def __init__(self, content: Mapping[str, Any], groups: Sequence[Sequence[Pair]], quotes: bool) -> None:
        super().__init__(content)
        self.groups, self.quotes = groups, quotes


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
    return _Found(
        {"code": code, "count": count, "message": message._asdict(), "examples": examples},
        groups or [all_rows],
        quotes=True,
    )


def private_finding(code: str, count: int, message: Text, rows: Iterable[Pair]) -> Finding:
    """A finding that names its rows (`ids`, the first 1,000) and never quotes them."""
    all_rows = list(rows)
    named = [{"split": name, "id": row["id"]} for name, row in all_rows]
    return _Found(
        {
            "code": code,
            "count": count,
            "message": message._asdict(),
            "examples": named[:EXAMPLES],
            "ids": [row["id"] for row in named[:_MOST_IDS]],
        },
        [all_rows],
        quotes=False,
    )


def groups_of(found: Finding) -> Sequence[Sequence[Pair]]:
    """All rows that a finding made in this process concerns."""
    return [group for group in found.groups if group] if isinstance(found, _Found) else []


def quotes_rows(found: Finding) -> bool:
    return isinstance(found, _Found) and found.quotes
