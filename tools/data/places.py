"""Where a source's records stood: the file, sheet or page, and the number of the row in it, as a person finds it again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Required, TypedDict, Unpack


class Run(TypedDict, total=False):
    """Rows that follow one another: the number of the first among all records, counted from 1, and where it stood."""

    record: Required[int]
    file: str
    sheet: str
    page: int
    row: Required[int]


class _Where(TypedDict, total=False):
    file: str
    sheet: str
    page: int


class Places:
    """Noted while a source is read: `begin` at each file, sheet or page, `at` right before each record is given.

    Kept as runs of rows that follow one another, so that a plain file of a million rows is one run.
    """

    def __init__(self) -> None:
        self.count = 0
        self._where: _Where = {}
        self._runs: list[Run] = []
        self._next: int | None = None  # the row that would carry on the last run

    def begin(self, **where: Unpack[_Where]) -> None:
        """What follows stands there; what was said before and is not said again holds on.

        Arguments:
            where: `file`, `sheet`, `page`.
        """
        self._where, self._next = {**self._where, **where}, None

    def at(self, row: int) -> None:
        """The next record is the row of that number, counted from 1 as the file, the sheet or the page has it."""
        if row != self._next:
            self._runs.append({"record": self.count + 1, **self._where, "row": row})
        self.count += 1
        self._next = row + 1

    def runs(self, records: int) -> list[Run]:
        """The runs as they are kept; none where they do not fit the records."""
        return self._runs if self.count == records else []


@dataclass(frozen=True)
class Place:
    """Where one record stood. `row` is its number in the file, sheet or page; else its number among all records."""

    row: int
    file: str | None = None
    sheet: str | None = None
    page: int | None = None


class PlacesOf:
    """Finds the place of a record by its number, counted from 1."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs, self._first = runs, [run["record"] for run in runs]

    @property
    def files(self) -> set[str]:
        """The names of the files, where there were several."""
        return {run["file"] for run in self._runs if "file" in run}

    def of(self, record: int) -> Place:
        at = bisect_right(self._first, record) - 1
        if at < 0:
            return Place(record)
        run = self._runs[at]
        return Place(run["row"] + record - run["record"], run.get("file"), run.get("sheet"), run.get("page"))
