"""What was fetched into distinct rows, and these into splits: in columns where the rows are many and plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...resources.data_source import DataSource, SplitPolicy
from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text, several
from ...resources.task import Task, TaskFolder
from ...resources.validation import Finding
from .columnar import ColumnRows, SourceRecords, by_columns, without_duplicates
from .columnar_split import split_columns
from .deduplicate import deduplicate
from .definition import source_name
from .fetch import RawSnapshot
from .findings import PairsOf, finding
from .left_out import LeftOut
from .mapping import Conversion, find_columns, missing_columns
from .own_split import OwnSplit, notes_of, sayings_of, without_overlap
from .row_errors import conflict_finding
from .rows import Row
from .source import SourceKind
from .split import SKELETON, group_keys, split_rows
from .task_kind import counted_labels, task_kind

MOST_LABELS = 50
_LABELS_SHOWN = 12


@dataclass(frozen=True)
class Prepared:
    """The rows to split, with what the stages before found."""

    definition: Task
    sources: Sequence[SourceRecords]
    rows: Sequence[Row]
    unlabelled: list[Row]
    left_out: LeftOut
    own: OwnSplit
    fetched: int
    removed: int
    notes: list[Finding]
    errors: list[Finding]

    def by_origin(self) -> tuple[Sequence[Row], list[Row]]:
        """The real rows, and those a model wrote."""
        if isinstance(self.rows, ColumnRows):
            return self.rows, []
        return (
            [row for row in self.rows if not row.get("synthetic")],
            [row for row in self.rows if row.get("synthetic")],
        )


def prepare(
    task: TaskFolder,
    definition: Task,
    data_source: DataSource,
    kinds: Sequence[SourceKind],
    raws: Sequence[RawSnapshot | None],
) -> Prepared:
    """The distinct rows that the raw snapshots of these sources make; without those of a source that has none.

    Raises:
        DataError: a column that is needed has no counterpart, or no record makes a row.
    """
    policy = data_source.split
    kept = {*data_source.deduplicate_on, *(column for column in (policy.group_by, policy.time) if column)} - {SKELETON}
    sayings = [None for _ in raws] if policy.own is False else sayings_of(kinds, raws)
    sources = []
    for number, (kind, raw, own) in enumerate(zip(kinds, raws, sayings, strict=True)):
        if raw is None:
            continue
        columns = find_columns(raw.columns, kind, definition)
        if columns.missing:
            raise missing_columns(columns, number, kind.origin(task.root), definition)
        sources.append(SourceRecords(kind, raw, columns, source_name(kind, number), own))
    rows, conversion = by_columns(definition, data_source, sources) or _by_rows(definition, kept, sources)
    fetched = sum(source.raw.count for source in sources)
    left_out = LeftOut(definition, sources, conversion.omitted, fetched)
    left_out.keep(task, data_source.quality.masked)
    if not rows and not conversion.unlabelled:
        said, needed = left_out.describe(task), task_kind(definition.type).roles
        raise DataError(
            said,
            Text(
                f"A row needs {', '.join(needed)}. Look at the mapping of the columns in data_source.yaml too.",
                f"一列需要 {'、'.join(needed)}。也請檢查 data_source.yaml 的欄位對應。",
            ),
            field="sources",
            details={"left_out": dict(conversion.left_out)},
        )
    found = (
        without_duplicates(rows)
        if isinstance(rows, ColumnRows)
        else deduplicate(_real_first(rows), data_source.deduplicate_on)
    )
    notes = conversion.notes()
    if found.removed:
        notes.append(
            finding(
                "duplicates_removed",
                found.removed,
                Text(
                    f"{several(found.removed, 'exact duplicate was', 'exact duplicates were')} removed.",
                    f"已移除 {found.removed} 筆完全重複的資料。",
                ),
                groups=[PairsOf("", found.later)],
            )
        )
    errors = (
        [conflict_finding([[("", first), ("", second)] for first, second in found.conflicts])]
        if found.conflicts
        else []
    )
    return Prepared(
        _with_labels(definition, found.rows),
        sources,
        found.rows,
        conversion.unlabelled,
        left_out,
        OwnSplit.of(conversion.own, conversion.no_split),
        fetched,
        found.removed,
        notes,
        errors,
    )


def into_splits(
    rows: Sequence[Row],
    policy: SplitPolicy,
    previous: Mapping[str, str] | None,
    held_out: Sequence[Row],
    own: Mapping[str, str] | None = None,
) -> dict[str, Sequence[Row]]:
    """What `split_rows` makes of the rows."""
    by_name = split_columns(rows, policy, previous or {}, held_out) if isinstance(rows, ColumnRows) else None
    return dict(by_name or split_rows(rows, policy, previous, held_out, own))


def into_own_splits(
    rows: Sequence[Row], policy: SplitPolicy, previous: Mapping[str, str] | None, held_out: Sequence[Row], own: OwnSplit
) -> tuple[dict[str, Sequence[Row]], list[Finding]]:
    """The splits, those that the data itself names kept, and what to say of them."""
    if not own.assignment:
        return into_splits(rows, policy, previous, held_out), []
    standing = previous or {}
    fresh = {row_id: name for row_id, name in own.assignment.items() if row_id not in standing}
    kept, apart = without_overlap(rows, group_keys(rows, policy.group_by), fresh)
    splits = into_splits(kept, policy, previous, held_out, own.assignment)
    return splits, notes_of(own, own.find_moved(splits), apart)


def _by_rows(definition: Task, kept: set[str], sources: Sequence[SourceRecords]) -> tuple[Sequence[Row], Conversion]:
    conversion = Conversion(definition, frozenset(kept))
    for source in sources:
        conversion.add(source.raw.records(), source.columns, source.kind, source.name, source.raw.hash[:12], source.own)
    return conversion.rows, conversion


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


def labels_found(before: Task, prepared: Prepared) -> list[Finding]:
    """What to say where the task listed no labels and has those of the data now."""
    labels = prepared.definition.labels
    if before.labels or not labels:
        return []
    counts = counted_labels(prepared.rows)
    more = len(labels) - _LABELS_SHOWN
    shown = [(label, counts[label]) for label in labels[:_LABELS_SHOWN]]
    also = Text(f" and {more} more", f" 等 {len(labels)} 種") if more > 0 else Text("", "")
    return [
        finding(
            "labels_found",
            len(labels),
            Text(
                f"The task listed no labels; it now has those of the data: "
                f"{', '.join(f'{label} ({count})' for label, count in shown)}{also.en}. If something among them is not "
                f"a label, fix it where the rows come from, and remove it with update_task.",
                f"任務原本沒有列標籤，現在用資料裡的：{'、'.join(f'{label}（{count}）' for label, count in shown)}{also.zh}。"
                "如果有不是標籤的，請在來源修正，再用 update_task 拿掉。",
            ),
        )
    ]
