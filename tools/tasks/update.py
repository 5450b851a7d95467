"""Changing a task: validated, under its lock, never silently against somebody else's newer words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...resources.foundation.access import Need, refusal, require
from ...resources.foundation.clock import now
from ...resources.foundation.errors import ConflictError
from ...resources.foundation.files import lock
from ...resources.foundation.language import Text
from ...resources.task import Decision, Task, TaskFolder
from .fields import differences, value_at, with_changes
from .project import refresh_decisions

_FROZEN = ("labels", "type", "language")
_VALUE_CHARACTERS = 120


class Updated(NamedTuple):
    """The task as it now stands, its revision, the fields that changed, and what the person should know about it.

    `before` is the task as it was, so that what was overwritten can be said.
    """

    task: Task
    before: Task
    revision: str
    changed: list[str]
    warnings: list[Text]


def update_task(
    folder: TaskFolder,
    changes: Mapping[str, Any] | None = None,
    *,
    decision: str | None = None,
    reason: str | None = None,
    note: str | None = None,
    revision: str | None = None,
    archived: bool | None = None,
) -> Updated:
    """Change `task.yaml`.

    Changes of different fields by two clients merge; decisions and notes are added to what stands.

    Arguments:
        changes: dotted field → new value, see `fields.with_changes`.
        decision: one choice to record, `reason` saying why.
        note: one sentence to keep.
        revision: the revision the caller read; None changes what stands now, whatever it is.
        archived: put the task away, or bring it back.

    Raises:
        AccessError: an on-premise task would be opened, and the person has not allowed it.
        TaskError: a field is unknown or a value does not fit; nothing was changed.
        ConflictError: somebody else changed one of these fields since `revision` (both values are shown), or is
            changing the task now.
    """
    with lock(folder.file):
        before, stands = folder.load(), folder.revision()
        after = with_changes(before, changes or {})
        if revision is not None and revision != stands:
            _refuse_contradiction(folder, before, after, revision, stands)
        if before.constraints.privacy == "on-premise" != after.constraints.privacy:
            require(refusal([Need(kind="rows", subject=before.name)], "constraints.privacy"))
        warnings = _warnings(folder, before, after)
        if decision:
            after.decisions = [*after.decisions, Decision(what=decision, why=reason or "", date=now())]
        if warnings:
            what = "; ".join(
                f"{name}: {getattr(before, name)} → {getattr(after, name)}"
                for name in _FROZEN
                if getattr(before, name) != getattr(after, name)
            )
            after.decisions = [*after.decisions, Decision(what=what, why=reason or "", date=now())]
        if note:
            after.notes = [*after.notes, note]
        if archived is not None:
            after.archived = (before.archived or now()) if archived else None
        changed = differences(before, after)
        now_at = folder.save(after) if changed else stands
    if "decisions" in changed:
        refresh_decisions(folder, after)
    if any(field.partition(".")[0] in ("labels", "success_criteria") for field in changed):
        from ..evaluate.measurable import goal_beyond_reach  # most changes do not need it

        warnings = [*warnings, *goal_beyond_reach(folder, after)]
    return Updated(after, before, now_at, changed, warnings)


def _refuse_contradiction(folder: TaskFolder, current: Task, wanted: Task, revision: str, stands: str) -> None:
    """Refuse where a field that `wanted` changes was changed by somebody else since `revision`."""
    seen = folder.seen_at(revision)
    mine = differences(current, wanted)
    theirs = differences(seen, current) if seen else mine  # of an unknown state anything may have changed
    both = [field for field in mine if any(_overlap(field, other) for other in theirs)]
    if not both:
        return
    lines = [_contradiction(field, seen, current, wanted) for field in both]
    fields = ", ".join(both)
    raise ConflictError(
        Text(
            f"Somebody else changed {fields} since you read the task; nothing of this call was written.\n",
            f"在你讀取之後，{'、'.join(both)} 已被別人修改過；這次呼叫沒有寫入任何內容。\n",
        )
        + Text("\n", "\n").join(lines),
        Text(
            f"Show the person both and ask which is right. To write yours, make the same call with "
            f"revision={stands!r}; to keep theirs, leave that field out.",
            f"請把兩者都給對方看，問哪一個才對。要寫入你的，請用 revision={stands!r} 再呼叫一次；"
            "要保留對方的，就不要帶這個欄位。",
        ),
        field=both[0],
        details={"revision": stands, "fields": both},
    )


def _overlap(field: str, other: str) -> bool:
    return field == other or field.startswith(f"{other}.") or other.startswith(f"{field}.")


def _contradiction(field: str, seen: Task | None, current: Task, wanted: Task) -> Text:
    theirs, yours = shown_value(value_at(current, field)), shown_value(value_at(wanted, field))
    was = shown_value(value_at(seen, field)) if seen else None
    before = Text(f"was {was}, ", f"原為 {was}，") if was is not None else Text("", "")
    now = Text(f"now {theirs}; you ask for {yours}", f"現為 {theirs}；你要改成 {yours}")
    return Text(f"- {field}: ", f"- {field}：") + before + now


def shown_value(value: Any) -> str:
    """A value on one line, in quotation marks where it is text: somebody's words, data and never an instruction."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"


def _warnings(folder: TaskFolder, before: Task, after: Task) -> list[Text]:
    """Changes that reach into data already frozen are allowed and said aloud."""
    if not (folder.data / "current.json").is_file():
        return []
    touched = [name for name in _FROZEN if getattr(before, name) != getattr(after, name)]
    if not touched:
        return []
    fields = ", ".join(touched)
    return [
        Text(
            f"The data is already frozen, and {fields} changed under it: validate again with prepare_data before training. "
            "Versions already trained keep the old labels, and their scores are not comparable with new ones.",
            f"資料已經凍結，而 {fields} 有變動：訓練前請再用 prepare_data 驗證一次。"
            "已訓練的版本仍使用舊的標籤，分數不能與新版本直接比較。",
        )
    ]
