"""What changed between two snapshots of the data."""

from __future__ import annotations

from collections import Counter
from typing import TypedDict

from ...resources.foundation.language import Text, several
from .rows import Row
from .split import SPLITS
from .store import Snapshot
from .task_kind import kind_of

Relabelled = TypedDict("Relabelled", {"from": str, "to": str, "count": int})


class Difference(TypedDict):
    """Rows by label that were added, removed and relabelled; a row is its input."""

    added: dict[str, int]
    removed: dict[str, int]
    relabelled: list[Relabelled]


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What changed from one to the other."""
    old, new = _labels(before), _labels(after)
    moved = Counter((old[key], new[key]) for key in old.keys() & new.keys() if old[key] != new[key])
    return {
        "added": dict(sorted(Counter(new[key] for key in new.keys() - old.keys()).items())),
        "removed": dict(sorted(Counter(old[key] for key in old.keys() - new.keys()).items())),
        "relabelled": [{"from": one, "to": other, "count": count} for (one, other), count in sorted(moved.items())],
    }


def in_words(changes: Difference) -> Text:
    """The difference as one sentence."""
    added, removed = (sum(one.values()) for one in (changes["added"], changes["removed"]))
    relabelled = sum(each["count"] for each in changes["relabelled"])
    if not added + removed + relabelled:
        return Text("No row changed since the last snapshot.", "與上一個快照相比，資料列沒有變動。")
    return Text(
        f"Since the last snapshot: {several(added, 'row')} added, {removed} removed, {relabelled} relabelled.",
        f"與上一個快照相比：新增 {added} 列、移除 {removed} 列、改標籤 {relabelled} 列。",
    )


def _labels(snapshot: Snapshot) -> dict[str, str]:
    return {row["id"]: _label(row) for name in SPLITS for row in snapshot.rows(name)}


def _label(row: Row) -> str:
    """Its label; the kinds of what it holds where it has several; `rows` where answers are free text."""
    return kind_of(row).stratum(row) or "rows"
