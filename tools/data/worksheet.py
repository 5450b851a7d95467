"""What stands in a worksheet's XML beside its values: its measure, merged cells, and formulas whose results were never
stored."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any
from xml.parsers import expat

_CHUNK = 1 << 16
_MOST = 200_000
MOST_ROWS = 1 << 20  # that Excel itself takes
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class TooMany(Exception):
    """More merged cells or formulas than an honest sheet has."""


class TooManyRows(Exception):
    """More rows than any sheet of Excel has."""


class TooLong(Exception):
    """A row that is longer than any text to learn from.

    Arguments:
        row: its number.
    """

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


@dataclass
class Extras:
    """Places are (row, column), both counted from 1.

    `merged` has the first and the last place of each range; `formulas` those without a result; `hidden` the
    numbers of rows that a filter or a person hides.
    """

    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    formulas: set[tuple[int, int]] = field(default_factory=set)
    hidden: list[int] = field(default_factory=list)

    def filled_down(self) -> dict[int, list[tuple[int, int]]]:
        """Of each range over several rows, by its first row: its first column and its last row."""
        down: dict[int, list[tuple[int, int]]] = {}
        for first_row, column, last_row, _ in self.merged:
            if last_row > first_row:
                down.setdefault(first_row, []).append((column, last_row))
        return down

    def spans_names(self, row: int, below: Sequence[Any]) -> bool:
        """Whether a cell of that row is merged over columns of which more than one is filled in the row below: the name of a
        group of columns, above their own."""
        return any(
            first_row == last_row == row and sum(cell not in (None, "") for cell in below[first - 1 : last]) > 1
            for first_row, first, last_row, last in self.merged
        )


def check_measure(source: IO[bytes], longest: int) -> None:
    """Read the sheet once as a stream, before anything is built of it.

    Arguments:
        longest: bytes that one row may take.

    Raises:
        TooManyRows, TooLong: beyond the limits.
        expat.ExpatError: it is no XML.
    """
    rows, began = 0, sys.maxsize  # where the row begins that is being read
    parser = expat.ParserCreate()

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal rows, began
        if name == "row" or name.endswith(":row"):
            _check_length(parser.CurrentByteIndex)
            rows, began = rows + 1, parser.CurrentByteIndex
            if rows > MOST_ROWS:
                raise TooManyRows

    def end(name: str) -> None:
        nonlocal began
        if name.endswith("sheetData"):
            _check_length(parser.CurrentByteIndex)
            began = sys.maxsize

    def _check_length(at: int) -> None:
        if at - began > longest:
            raise TooLong(rows)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    while chunk := source.read(_CHUNK):
        parser.Parse(chunk, False)
        _check_length(parser.CurrentByteIndex)
    parser.Parse(b"", True)


def extras_of(source: IO[bytes]) -> Extras:
    """Read the sheet once as a stream.

    Raises:
        TooMany: beyond the limits.
        expat.ExpatError: it is no XML.
    """
    reading = _Reading()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = reading.start, reading.end
    parser.CharacterDataHandler = reading.characters
    while chunk := source.read(_CHUNK):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)
    return reading.extras


class _Reading:
    def __init__(self) -> None:
        self.extras = Extras()
        self._cell = self._kind = ""
        self._formula = self._in_value = self._has_value = self._hidden = False
        self._row = self._column = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        plain = name.rpartition(" ")[2]
        if plain == "row":
            self._row, self._column = int(attributes.get("r") or self._row + 1), 0
            self._hidden = attributes.get("hidden") in ("1", "true")
        elif plain == "c":
            self._column += 1
            if reference := attributes.get("r"):
                self._row, self._column = place_of(reference)
            self._kind = attributes.get("t", "")
            self._formula = self._has_value = False
            if self._hidden:  # a hidden row that holds nothing is none
                self.extras.hidden.append(self._row)
                self._hidden = False
        elif plain == "f":
            self._formula = True
        elif plain == "v":
            self._in_value = True
        elif plain == "mergeCell":
            first, _, last = attributes.get("ref", "").partition(":")
            self.extras.merged.append((*place_of(first), *place_of(last or first)))
            _limit(self.extras.merged)

    def end(self, name: str) -> None:
        plain = name.rpartition(" ")[2]
        if plain == "v":
            self._in_value = False
        elif plain == "c" and self._formula and not self._has_value and self._kind != "str":
            self.extras.formulas.add((self._row, self._column))
            _limit(self.extras.formulas)

    def characters(self, text: str) -> None:
        self._has_value = self._has_value or (self._in_value and bool(text.strip()))


def place_of(reference: str) -> tuple[int, int]:
    """`B12` as (12, 2); (0, 0) where it is no reference."""
    found = _REFERENCE.fullmatch(reference.replace("$", "").upper())
    if found is None:
        return 0, 0
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]), column


def letters_of(column: int) -> str:
    """The column as Excel names it: 28 is `AB`."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _limit(found: Sequence[Any] | set[Any]) -> None:
    if len(found) > _MOST:
        raise TooMany
