"""Names of folders and of labels: portable, distinct, never guessed silently."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ...resources.errors import TaskError
from ...resources.files import sha256_bytes
from ...resources.language import Text
from ...resources.workspace import Workspace, check_name, slug

LONGEST_LABEL = 60
_VERSION_LIKE = re.compile(r"v?[0-9]+")
_SHORTEST_SLUG = 3


def folder_name(title: str, kind: str, name: str | None = None) -> str:
    """The portable folder name of a task.

    Arguments:
        kind: the task's type, which begins the name where the title has no usable ASCII letters
            (情緒分析 → `classification-5f2a1c`).
        name: the person's own choice; checked, never changed.

    Raises:
        TaskError: `name` is not portable.
    """
    if name:
        return check_name(name)
    derived = slug(title)
    if len(derived) >= _SHORTEST_SLUG and not _VERSION_LIKE.fullmatch(derived):
        return derived
    return f"{kind}-{sha256_bytes(unicodedata.normalize('NFKC', title).encode())[:6]}"


def free_name(workspace: Workspace, name: str) -> str:
    """`name` with the first number that no folder of the workspace carries yet (`reviews` → `reviews-2`)."""
    number = 2
    while (workspace.root / f"{name[:59]}-{number}").exists():
        number += 1
    return f"{name[:59]}-{number}"


def checked_labels(labels: Sequence[str], fewest: int = 2) -> list[str]:
    """The labels, trimmed, in the person's order; none at all is fine as long as the data is unknown.

    Raises:
        TaskError: fewer than `fewest`, an empty one, or two that differ only in spaces, width or case.
    """
    trimmed = [label.strip() for label in labels]
    if not trimmed:
        return []
    seen: dict[str, str] = {}
    for label in trimmed:
        if not label or "\n" in label or len(label) > LONGEST_LABEL:
            raise _unusable(label)
        if (twin := seen.get(_bare(label))) is not None:
            raise _twins(twin, label)
        seen[_bare(label)] = label
    if len(trimmed) < fewest:
        raise TaskError(
            Text(f"One label ({trimmed[0]}) leaves nothing to decide.",
                 f"只有一個標籤（{trimmed[0]}），沒有東西可分類。"),
            Text("Give at least two labels, or none for now.", "請至少給兩個標籤，或先不給。"),
            field="labels",
        )
    return trimmed


def _bare(label: str) -> str:
    """What is left of a label when spaces, width and case do not count."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", label)).casefold()


def _unusable(label: str) -> TaskError:
    return TaskError(
        Text(f"{label[:LONGEST_LABEL]!r} cannot be a label: one line of 1 to {LONGEST_LABEL} characters.",
             f"「{label[:LONGEST_LABEL]}」不能當標籤：必須是一行、1 到 {LONGEST_LABEL} 個字元。"),
        Text("Leave it out or shorten it.", "請刪除或縮短它。"),
        field="labels",
    )


def _twins(first: str, second: str) -> TaskError:
    same = first == second
    return TaskError(
        Text(f"The label {first!r} is given twice." if same
             else f"The labels {first!r} and {second!r} differ only in spaces, width or case.",
             f"標籤「{first}」重複了。" if same else f"標籤「{first}」與「{second}」只差在空白、全半形或大小寫。"),
        Text("Keep one of them; rows that use the other can be mapped to it in the data source.",
             "請只保留一個；使用另一個寫法的資料列可以在資料來源裡對應過去。"),
        field="labels",
    )
