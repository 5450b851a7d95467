"""Rows by the hundred thousand as columns: what `mapping` and `deduplicate` make of them one by one, many times faster.

Those two, and `split`, are the definition; the same rows come out, and whatever is not plain (a cell that is not text, a
column of its own, rows that a model wrote) is left to them. Text of the usual characters is handled in polars, the rest
by the functions of the definition, cell by cell.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, overload

from ...resources.data_source import DataSource
from ...resources.task import Task
from .cells import as_text
from .deduplicate import IDENTITY, Deduplicated
from .fetch import RawSnapshot
from .mapping import Columns, Conversion
from .own_split import Saying
from .rows import USUAL, WIDE, Row, normalise
from .source import SourceKind
from .task_kind import Spelling, task_kind

MANY = 50_000  # records from which loading polars pays
_KINDS = ("classification", "entity-classification")
_ROLES = ("text", "entity", "label")
_SHOWN = ("id", *_ROLES, "source")  # the fields of a row in their order
_BATCH = 10_000


class ColumnRows(Sequence[Row]):
    """Rows that stand in the columns of a polars frame; each is made when it is asked for.

    Arguments:
        frame: the columns `id`, `text`, `entity` where every row has one, `label`, `source`; beside them, where rows
            are still at work on, `key`, what counts of the text, and `number`, the id as one.
    """

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self._rows = frame.select([name for name in _SHOWN if name in frame.columns])

    def __len__(self) -> int:
        return int(self.frame.height)

    def __iter__(self) -> Iterator[Row]:
        for batch in self._rows.iter_slices(_BATCH):
            yield from batch.to_dicts()

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> ColumnRows: ...

    def __getitem__(self, place: int | slice) -> Row | ColumnRows:
        if isinstance(place, slice):
            return ColumnRows(self.frame[place])
        return dict(self._rows.row(place, named=True))


class SourceRecords(NamedTuple):
    """What one source gave, and which of its columns play which role."""

    kind: SourceKind
    raw: RawSnapshot
    columns: Columns
    name: str
    own: Saying | None = None  # the split that the source says a record belongs to


def by_columns(
    task: Task, data_source: DataSource, sources: Sequence[SourceRecords]
) -> tuple[ColumnRows, Conversion] | None:
    """The rows that the records of all sources make, and the `Conversion` that counts what was left out or changed.

    None where they are few, polars is not installed, or something about them is not plain.
    """
    roles = {frozenset(source.columns.found) for source in sources}
    if (
        sum(source.raw.count for source in sources) < MANY
        or task.type not in _KINDS
        or len(roles) > 1
        or set(data_source.deduplicate_on) != IDENTITY
        or data_source.split.group_by is not None
        or data_source.split.time is not None
        or not all(map(_is_plain, sources))
        or importlib.util.find_spec("polars_hash") is None
    ):
        return None
    conversion = Conversion(task)
    frames = [_convert_records(source, conversion) for source in sources]
    if task.type == "classification" and any("entity" in frame and (frame["entity"] == "").any() for frame in frames):
        return None
    return ColumnRows(_with_ids(polars().concat(frames))), conversion


def without_duplicates(rows: ColumnRows) -> Deduplicated:
    """The first row of each id, as `deduplicate` has it."""
    pl, frame = polars(), rows.frame
    is_first = frame["number"].is_first_distinct()
    first, later = frame.filter(is_first), frame.filter(~is_first)
    repeated = first.filter(pl.col("number").is_in(later["number"].implode()))
    pairs = later.join(repeated, on="number", suffix="_earlier", maintain_order="left").filter(
        pl.col("label") != pl.col("label_earlier")
    )
    earlier = pairs.select(pl.col("^.*_earlier$").name.map(lambda name: name.removesuffix("_earlier")))
    return Deduplicated(
        ColumnRows(first), ColumnRows(later), list(zip(ColumnRows(earlier), ColumnRows(pairs), strict=True))
    )


def _is_plain(source: SourceRecords) -> bool:
    found = source.columns.found
    return (
        source.own is None
        and not source.kind.synthetic
        and not source.kind.unlabelled
        and not source.kind.carried
        and set(found) <= set(_ROLES)
        and set(found.values()) <= set(source.raw.texts)
    )


def _convert_records(source: SourceRecords, conversion: Conversion) -> Any:
    """The columns `text`, `key`, `entity`, `label` and `source` of the records that make a row, as `Conversion.add`
    has them; what it counts is counted."""
    frame, omitted = _read(source).with_row_index("record", offset=1), dict[str, Sequence[int]]()
    for role in task_kind(conversion.task.type).roles:
        empty = frame[role] == ""
        if empty.any():
            omitted[role] = frame["record"].filter(empty).to_list()
            frame = frame.filter(~empty)
    conversion.omitted.append(omitted)
    frame = frame.drop("record")
    spelling = Spelling(conversion.task.labels, source.kind.label_values)
    spelled = dict[str, str]()
    for label, count in frame["label"].value_counts().iter_rows():
        before = spelling.respelled
        spelled[label] = spelling.of(label)
        conversion.respelled += count * (spelling.respelled - before)
    return frame.with_columns(frame["label"].replace(spelled), source=polars().lit(source.name))


def _read(source: SourceRecords) -> Any:
    """Each role's cells as `as_text` has them, and `key`, the normalised text."""
    pl, found = polars(), source.columns.found
    text = pl.col("text").str.strip_chars(" ")
    key = text.str.replace_many(list(WIDE), list(WIDE.values()), leftmost=True).str.replace_all("  +", " ")
    frame = (
        pl.scan_ndjson(source.raw.root / "rows.jsonl", schema=dict.fromkeys(found.values(), pl.String))
        .select(pl.col(column).fill_null("").alias(role) for role, column in found.items())
        .with_columns(text=text, key=pl.when(pl.col("text").str.contains(f"^{USUAL}$")).then(key))
        .collect(engine="streaming")
    )
    unusual = frame["key"].is_null().arg_true()
    texts = [as_text(value) for value in frame["text"].gather(unusual)]
    return frame.with_columns(
        frame["text"].scatter(unusual, texts),
        frame["key"].scatter(unusual, [normalise(text) for text in texts]),
        *(_of_each(frame[role], as_text) for role in found if role != "text"),
    )


def _with_ids(frame: Any) -> Any:
    """`frame` with the columns `id`, as `row_id` has it, and `number`."""
    pl = polars()
    counted = pl.col("key")
    if "entity" in frame.columns:
        frame = frame.with_columns(_of_each(frame["entity"], normalise).alias("about"))
        counted = pl.concat_str("key", pl.lit("\x1f"), "about")
    return (
        frame.lazy()
        .with_columns(id=counted.chash.sha2_256().str.head(16))
        .with_columns(number=as_number(pl.col("id")))
        .drop("about", strict=False)
        .collect(engine="streaming")
    )


def as_number(digits: Any) -> Any:
    """An expression of 16 hex digits as a number: it is found and sorted several times as fast, in the same order."""
    return digits.str.to_integer(base=16, dtype=polars().UInt64)


def _of_each(series: Any, made: Callable[[str], str]) -> Any:
    """The series with each of its values made another one, the same values once."""
    values = series.unique()
    return series.replace_strict(values, polars().Series([made(value) for value in values], dtype=values.dtype))


def polars() -> Any:
    """polars, with the hashes that an id is made by."""
    importlib.import_module("polars_hash")  # registers `chash`
    return importlib.import_module("polars")
