"""Where a prepared row comes from: its source, the row's number there, and the key that the source itself gives it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ...resources.data_source import Source
from ...resources.foundation.errors import NlpSkillsError
from ...resources.task import Task, TaskFolder
from .cells import as_text
from .columnar import SourceRecords
from .definition import source_name
from .fetch import load_raw
from .mapping import Conversion, find_columns
from .places import Place
from .prompting import gold_of
from .rows import plain_name
from .source import Record, source_kind
from .task_kind import Spelling, Unfit

_KEYS = ("id", "key", "uuid", "guid", "_id", "編號", "序號", "流水號", "單號", "案號")
_NO_KEYS = ("file", "split")
_LOOKED_AT = 2000  # records by which a column is told to be a key
_LOOKED_AT_CLOSELY = 20  # … and of these that it holds nobody's phone number or address
_LONGEST_KEY = 64  # characters
_KEY_ENDINGS = ("_id", "-id", " id", "編號", "單號", "案號", "序號")


@dataclass(frozen=True)
class Origin:
    """One record: the source's name, its place there, and its own key where it has one."""

    source: str
    place: Place
    key: str
    record: int

    def to_place(self) -> dict[str, str | int]:
        """`{source, file?, sheet?, page?, row, key?}`."""
        where = {name: value for name in ("file", "sheet", "page") if (value := getattr(self.place, name)) is not None}
        return {"source": self.source, **where, "row": self.place.row, **({"key": self.key} if self.key else {})}


class Origins:
    """The records that rows were made of, in the order of the sources.

    Arguments:
        ids: the rows that are asked about.
    """

    def __init__(self, task: Task, sources: Sequence[SourceRecords], ids: Collection[str]) -> None:
        self._by_id: dict[str, list[tuple[str, Origin]]] = {}
        self.respelled: list[tuple[str, Origin]] = []  # (id, origin) of rows whose label was written otherwise
        conversion = Conversion(task)
        for source in sources:
            spelling = Spelling(task.labels, source.kind.label_values)
            fields_of = conversion.reading(source.columns, spelling)
            for origin, record in _records(source):
                before = spelling.respelled
                try:
                    row = fields_of(record)
                except Unfit:
                    continue
                row["id"] = conversion.kind.id_of(row)
                if spelling.respelled != before:
                    self.respelled.append((row["id"], origin))
                if row["id"] in ids:
                    self._by_id.setdefault(row["id"], []).append((gold_of(row), origin))

    def of(self, row: Mapping[str, Any], turn: int = 0) -> Origin | None:
        """The record that a row was made of; of several with the same input and answer that of its turn."""
        made = self._by_id.get(row["id"], [])
        alike = [origin for gold, origin in made if gold == gold_of(row)] or [origin for _, origin in made]
        return alike[min(turn, len(alike) - 1)] if alike else None

    def later(self, row_id: str) -> list[Origin]:
        """All records with that input, without the first one, which is kept."""
        return [origin for _, origin in self._by_id.get(row_id, [])[1:]]


def recorded_sources(task: TaskFolder, definition: Task, hashes: Sequence[str]) -> list[SourceRecords]:
    """The raw snapshots of these hashes as far as they are still there and can be read as they were."""
    found = []
    for number, digest in enumerate(hashes):
        with contextlib.suppress(NlpSkillsError, OSError, ValueError):
            raw = load_raw(task.raw / digest[:12])
            kind = source_kind(Source.model_validate(raw.source), number)
            columns = find_columns(raw.columns, kind, definition)
            if not columns.missing:
                found.append(SourceRecords(kind, raw, columns, source_name(kind, number)))
    return found


def records_at(source: SourceRecords, numbers: Collection[int]) -> Iterator[tuple[Origin, Record]]:
    """The records of these numbers, counted from 1, with where they stood."""
    wanted = set(numbers)
    return ((origin, record) for origin, record in _records(source) if origin.record in wanted)


def _records(source: SourceRecords) -> Iterator[tuple[Origin, Record]]:
    places, column = source.raw.places(), key_column(source)
    for number, record in enumerate(source.raw.records(), start=1):
        key = as_text(record.get(column)) if column else ""
        yield Origin(source.name, places.of(number), key, number), record


def key_column(source: SourceRecords) -> str | None:
    """The column that tells a source's records apart: by its name, else the first one whose values all differ."""
    free = [
        column
        for column in source.raw.columns
        if column not in source.columns.found.values() and column not in _NO_KEYS
    ]
    plain = {plain_name(column): column for column in reversed(free)}
    named = next((plain[name] for name in _KEYS if name in plain), None)
    return (
        named
        or _telling_apart(source, free)
        or next((column for ending in _KEY_ENDINGS for column in free if plain_name(column).endswith(ending)), None)
    )


def _telling_apart(source: SourceRecords, columns: Sequence[str]) -> str | None:
    from .personal import kinds_of  # its patterns take a while to compile, and the server does not need them to start

    records = list(islice(source.raw.records(), _LOOKED_AT))
    for column in columns:
        values = [record.get(column) for record in records]
        if (
            not any(kinds_of(as_text(value)) for value in values[:_LOOKED_AT_CLOSELY])
            and all(isinstance(value, str | int) and 0 < len(str(value)) <= _LONGEST_KEY for value in values)
            and (len(set(map(str, values))) == len(records) > 1)
        ):
            return column
    return None
