"""Columns whose value settles the label: rows of one customer, one thread or one template, which a split should not part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from ...resources.data_source import SplitPolicy
from ...resources.foundation.language import Text
from ...resources.task import Task
from ...resources.validation import Finding
from .cells import as_text
from .columnar import SourceRecords
from .findings import finding
from .mapping import shown_columns
from .own_split import SPLIT
from .source import Record
from .task_kind import task_kind

_LOOKED_AT = 20_000  # records of each source
_FEWEST_VALUES = 10
_PURE = 0.95  # of a column's values that come with one label alone
_BEYOND_CHANCE = 0.3  # how much more that must be than where labels fell on rows by lot
_LARGEST = 0.1  # of all rows that one value may have: a column of a few categories is no group
_LEAST_ROWS = 0.2  # of all rows that must share their value with another
_NEVER = {"file", "url", SPLIT}


def proposed_groups(task: Task, sources: Sequence[SourceRecords], policy: SplitPolicy) -> list[Finding]:
    """The warning that a column settles the label, where nothing groups the rows yet."""
    if policy.group_by is not None or policy.time is not None or not task_kind(task.type).one_label:
        return []
    for source in sources:
        label, text = source.columns.found.get("label"), source.columns.found.get("text")
        records = islice(source.raw.records(), _LOOKED_AT)
        if label and text and (found := settling_column(records, source.raw.columns, label, {text})):
            return [group_finding(task, *found)]
    return []


def group_finding(task: Task, column: str, values: int) -> Finding:
    [name] = shown_columns([column], task)
    return finding(
        "group_column",
        values,
        Text(
            f"Rows with the same {name} nearly always carry the same label ({values} values): if some of them are "
            f"trained on and others tested, results look better than they are. Ask whether to keep them together: "
            f"set_data_source(split={{group_by: {name}}}).",
            f"「{name}」相同的列，標籤幾乎都一樣（{values} 個值）：如果一部分拿去訓練、一部分拿去測試，結果會比實際好看。"
            f"請問對方要不要放在同一邊：set_data_source(split={{group_by: {name}}})。",
        ),
    )


def settling_column(
    records: Iterable[Record], columns: Sequence[str], label: str, others: set[str]
) -> tuple[str, int] | None:
    """The column whose values nearly always come with one label, and how many values come more than once.

    Arguments:
        others: columns that are no candidates, beside the label itself.
    """
    rows = [record for record in records if as_text(record.get(label))]
    labels = Counter(as_text(record[label]) for record in rows)
    best: tuple[float, str, int] | None = None
    for column in columns:
        if column == label or column in others or column.casefold() in _NEVER:
            continue
        by_value: dict[str, Counter[str]] = defaultdict(Counter)
        for record in rows:
            if value := as_text(record.get(column)):
                by_value[value][as_text(record[label])] += 1
        if (purity := _purity(by_value, labels, len(rows))) and (best is None or purity > best[0]):
            best = (purity, column, sum(found.total() > 1 for found in by_value.values()))
    return (best[1], best[2]) if best else None


def _purity(by_value: dict[str, Counter[str]], labels: Counter[str], rows: int) -> float | None:
    """The share of values that come with one label alone; None where the column is no group that settles it."""
    groups = [found for found in by_value.values() if found.total() > 1]
    together = sum(found.total() for found in groups)
    if (
        len(groups) < max(_FEWEST_VALUES, 2 * len(labels))
        or together < _LEAST_ROWS * rows
        or max(found.total() for found in groups) > max(2, _LARGEST * rows)
    ):
        return None
    purity = sum(len(found) == 1 for found in groups) / len(groups)
    chance = sum(_alike_by_chance(labels, found.total()) for found in groups) / len(groups)
    return purity if purity >= _PURE and purity >= chance + _BEYOND_CHANCE else None


def _alike_by_chance(labels: Counter[str], rows: int) -> float:
    whole = labels.total()
    return sum((count / whole) ** rows for count in labels.values())


def settling(records: Sequence[Record], found: Mapping[str, str]) -> tuple[str, int] | None:
    """The same of the records that a first look has read.

    Arguments:
        found: role → column.
    """
    label, text = found.get("label"), found.get("text")
    if not label or not text:
        return None
    return settling_column(records, list(dict.fromkeys(name for record in records for name in record)), label, {text})
