"""What was fetched into distinct rows, and these into splits: in columns where the rows are many and plain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...resources.data_source import DataSource, SplitPolicy
from ...resources.errors import DataError
from ...resources.language import Text, several
from ...resources.task import Task, TaskFolder
from .checks import conflict_finding
from .columnar import ColumnRows, SourceRecords, by_columns, without_duplicates
from .columnar_split import split_columns
from .deduplicate import deduplicate
from .definition import source_name
from .fetch import RawSnapshot
from .findings import Finding, finding
from .mapping import Conversion, find_columns, missing_columns
from .rows import Row
from .sources import SourceKind
from .split import SKELETON, split_rows
from .types import counted_labels, task_kind

MOST_LABELS = 50


@dataclass(frozen=True)
class Prepared:
    """The rows to split, with what the stages before found."""

    definition: Task
    rows: Sequence[Row]
    unlabelled: list[Row]
    fetched: int
    removed: int
    notes: list[Finding]
    errors: list[Finding]

    def by_origin(self) -> tuple[Sequence[Row], list[Row]]:
        """The real rows, and those a model wrote."""
        if isinstance(self.rows, ColumnRows):
            return self.rows, []
        return ([row for row in self.rows if not row.get("synthetic")],
                [row for row in self.rows if row.get("synthetic")])


def prepare(
    task: TaskFolder, definition: Task, data_source: DataSource, kinds: Sequence[SourceKind],
    raws: Sequence[RawSnapshot],
) -> Prepared:
    """The distinct rows that the raw snapshots of these sources make.

    Raises:
        DataError: a column that is needed has no counterpart, or no record makes a row.
    """
    group_by = data_source.split.group_by
    kept = {*data_source.deduplicate_on, *({group_by} if group_by and group_by != SKELETON else ())}
    sources = []
    for number, (kind, raw) in enumerate(zip(kinds, raws, strict=True)):
        columns = find_columns(raw.columns, kind, definition)
        if columns.missing:
            raise missing_columns(columns, number, kind.origin(task.root), definition)
        sources.append(SourceRecords(kind, raw, columns, source_name(kind, number)))
    rows, conversion = by_columns(definition, data_source, sources) or _by_rows(definition, kept, sources)
    fetched = sum(raw.count for raw in raws)
    if not rows and not conversion.unlabelled:
        needed = task_kind(definition.type).roles
        noted = _joined(Text(**note["message"]) for note in conversion.notes())
        raise DataError(
            Text(f"{several(fetched, 'record')} fetched, and none makes a row: it needs {', '.join(needed)}.{noted.en}",
                 f"{fetched} 筆資料裡，沒有一筆同時具備所需的 {'、'.join(needed)}。{noted.zh}"),
            Text("Look at the mapping of the columns in data_source.yaml.", "請檢查 data_source.yaml 的欄位對應。"),
            field="sources", details={"left_out": dict(conversion.left_out)},
        )
    unique, removed, conflicts = (without_duplicates(rows) if isinstance(rows, ColumnRows)
                                  else deduplicate(_real_first(rows), data_source.deduplicate_on))
    notes = conversion.notes()
    if removed:
        notes.append(finding("duplicates_removed", removed, Text(
            f"{several(removed, 'exact duplicate was', 'exact duplicates were')} removed.", f"已移除 {removed} 筆完全重複的資料。")))
    errors = [conflict_finding([[("", first), ("", second)] for first, second in conflicts])] if conflicts else []
    return Prepared(_with_labels(definition, unique), unique, conversion.unlabelled, fetched, removed, notes, errors)


def into_splits(
    rows: Sequence[Row], policy: SplitPolicy, previous: Mapping[str, str] | None, held_out: Sequence[Row]
) -> dict[str, Sequence[Row]]:
    """What `split_rows` makes of the rows."""
    by_name = split_columns(rows, policy, previous or {}, held_out) if isinstance(rows, ColumnRows) else None
    return dict(by_name or split_rows(rows, policy, previous, held_out))


def _by_rows(
    definition: Task, kept: set[str], sources: Sequence[SourceRecords]
) -> tuple[Sequence[Row], Conversion]:
    conversion = Conversion(definition, frozenset(kept))
    for source in sources:
        conversion.add(source.raw.records(), source.columns, source.kind, source.name, source.raw.hash[:12])
    return conversion.rows, conversion


def _joined(texts: Iterable[Text]) -> Text:
    said = list(texts)
    return Text("".join(f" {text.en}" for text in said), "".join(text.zh for text in said))


def _real_first(rows: Sequence[Row]) -> list[Row]:
    """Where a model wrote what a real row says too, the real one counts."""
    real = [row for row in rows if not row.get("synthetic")]
    known = {row["id"] for row in real}
    return [*real, *(row for row in rows if row.get("synthetic") and row["id"] not in known)]


def _with_labels(definition: Task, rows: Sequence[Row]) -> Task:
    """`definition`, with the labels the data has where the task lists none; the most frequent first."""
    if definition.labels:
        return definition
    counts = counted_labels(rows)
    if len(counts) > MOST_LABELS:
        return definition
    return definition.model_copy(update={"labels": sorted(counts, key=lambda label: (-counts[label], label))})
