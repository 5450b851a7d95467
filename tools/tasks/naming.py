"""Names of folders and of labels: portable, distinct, never guessed silently."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ...resources.foundation.errors import TaskError
from ...resources.foundation.files import sha256_bytes
from ...resources.foundation.language import Text
from ...resources.workspace import Workspace, check_name, slug

LONGEST_LABEL = 60
LONGEST_TITLE = 200
_VERSION_LIKE = re.compile(r"v?[0-9]+")
_SHORTEST_SLUG = 3
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


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


def checked_title(title: str) -> str:
    """The title on one line, as a person sees it.

    Raises:
        TaskError: it is empty, too long, or holds characters that do not show or that turn the others round.
    """
    line = " ".join(title.split())
    if line and len(line) <= LONGEST_TITLE and _shows(line):
        return line
    raise TaskError(
        Text(
            f"The title must be 1 to {LONGEST_TITLE} visible characters; no control characters, none that change the "
            "direction of writing.",
            f"標題必須是 1 到 {LONGEST_TITLE} 個看得見的字元，不能有控制字元或改變書寫方向的字元。",
        ),
        Text("Say in a few words what the task is about.", "請用幾個字說明這個任務是什麼。"),
        field="title",
    )


def _shows(text: str) -> bool:
    """Whether every character is one a person sees; joiners of emoji and scripts are."""
    return not any(unicodedata.category(sign) in ("Cc", "Cs", "Co") or sign in _TURNING for sign in text)


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
        if not label or len(label) > LONGEST_LABEL or not _shows(label):
            raise _unusable(label)
        if (twin := seen.get(_bare_label(label))) is not None:
            raise _twins(twin, label)
        seen[_bare_label(label)] = label
    if len(trimmed) < fewest:
        raise TaskError(
            Text(
                f"One label ({trimmed[0]}) leaves nothing to decide.", f"只有一個標籤（{trimmed[0]}），沒有東西可分類。"
            ),
            Text("Give at least two labels, or none for now.", "請至少給兩個標籤，或先不給。"),
            field="labels",
        )
    return trimmed


def _bare_label(label: str) -> str:
    """What is left of a label when spaces, width and case do not count."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", label)).casefold()


def _unusable(label: str) -> TaskError:
    return TaskError(
        Text(
            f"{label[:LONGEST_LABEL]!r} cannot be a label: one line of 1 to {LONGEST_LABEL} characters.",
            f"「{label[:LONGEST_LABEL]}」不能當標籤：必須是一行、1 到 {LONGEST_LABEL} 個字元。",
        ),
        Text("Leave it out or shorten it.", "請刪除或縮短它。"),
        field="labels",
    )


def _twins(first: str, second: str) -> TaskError:
    same = first == second
    return TaskError(
        Text(
            f"The label {first!r} is given twice."
            if same
            else f"The labels {first!r} and {second!r} differ only in spaces, width or case.",
            f"標籤「{first}」重複了。" if same else f"標籤「{first}」與「{second}」只差在空白、全半形或大小寫。",
        ),
        Text(
            "Keep one of them; rows that use the other can be mapped to it in the data source.",
            "請只保留一個；使用另一個寫法的資料列可以在資料來源裡對應過去。",
        ),
        field="labels",
    )
