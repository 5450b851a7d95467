"""Changing `task.yaml` field by field: `{"success_criteria.threshold": 0.8}`, nothing unknown, nothing half valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ...resources.foundation.errors import TaskError
from ...resources.foundation.language import Text
from ...resources.foundation.wording import misfit_of, nearest, suggest
from ...resources.task import Task
from ..data.task_kind import TYPES, task_kinds
from ..evaluate.metric import METRICS, answers_of, fits, known_metrics, suggest_metrics
from .naming import checked_labels

_KEPT = ("format", "name", "created", "archived", "cloned_from")  # not the person's to set by field


def with_changes(task: Task, changes: Mapping[str, Any]) -> Task:
    """A validated copy of `task` with `changes` made.

    Arguments:
        changes: dotted field → new value; None clears an optional field; a mapping changes the fields it names.

    Raises:
        TaskError: a field is unknown (the nearest is offered) or a value does not fit.
    """
    content = task.model_dump(mode="json", exclude_none=True)
    flat = dict(_flat(changes))
    for field, value in flat.items():
        place, names = content, _known_names(field, task)
        for name in names[:-1]:
            place = place.setdefault(name, {})
        if value is None:
            place.pop(names[-1], None)
        else:
            place[names[-1]] = value
    labels = flat.get("labels")
    if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        kind = task_kinds().get(content.get("type", task.type))
        content["labels"] = checked_labels(labels, 2 if kind is None or kind.answers == "label" else 1)
    try:
        changed = Task.model_validate(content)
    except ValidationError as error:
        raise _misfit(error) from error
    if flat.keys() & {"success_criteria.metric", "type"}:
        _check_metric(changed)
    return changed


def differences(before: Task, after: Task) -> list[str]:
    """The dotted fields whose values differ."""
    first, second = (dict(_flat(task.model_dump(mode="json"))) for task in (before, after))
    return [field for field in {**first, **second} if first.get(field) != second.get(field)]


def value_at(task: Task, field: str) -> Any:
    """The value of a dotted field; None where it is not set."""
    value: Any = task.model_dump(mode="json")
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _flat(changes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in changes.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _known_names(field: str, task: Task) -> list[str]:
    """The names along the dotted `field`, each known to the model it stands in or already in the file."""
    names = field.split(".")
    here: BaseModel | None = task
    for depth, name in enumerate(names):
        if here is None:  # below a field of the person's own
            return names
        offered = [*type(here).model_fields, *(here.model_extra or {})]
        if depth == 0:
            offered = [known for known in offered if known not in _KEPT]
        if name not in offered:
            raise _unknown(field, depth, offered)
        value = getattr(here, name, None)
        here = value if isinstance(value, BaseModel) else _model_of(type(here), name)
    return names


def _model_of(kind: type[BaseModel], name: str) -> BaseModel | None:
    """An empty model for an optional part that is not set yet (such as `prompt`)."""
    annotation = kind.model_fields[name].annotation if name in kind.model_fields else None
    for part in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part.model_construct()
    return None


def _unknown(field: str, depth: int, offered: list[str]) -> TaskError:
    names = field.split(".")
    name = names[depth]
    if name in _KEPT and depth == 0:
        return TaskError(
            Text(f"{name} is not set this way.", f"{name} 不能這樣設定。"),
            Text(
                "A folder keeps its name (rename the folder by hand to change it); to archive it call manage_task with "
                "action='archive'.",
                "資料夾名稱不變（要改請直接改資料夾名）；封存請呼叫 manage_task，action='archive'。",
            ),
            field=field,
        )
    near = nearest(name, offered)
    after = names[depth + 1 :] if near else []
    wanted = [".".join([*names[:depth], known, *after]) for known in near or offered]
    return TaskError(
        Text(f"A task has no field {field!r}.", f"任務沒有「{field}」這個欄位。"), suggest(field, wanted), field=field
    )


def _misfit(error: ValidationError) -> TaskError:
    field, said, value, *_ = misfit_of(error)
    fix = Text(
        "Call again with a value that fits; nothing was changed.", "請改用合適的值再呼叫一次；沒有任何內容被修改。"
    )
    if field.startswith("success_criteria.") and isinstance(value, (int, float)) and 1 < value <= 100:
        fix = Text(
            f"Scores run from 0 to 1: write {value:g} % as {value / 100:g}.",
            f"分數介於 0 與 1：{value:g}% 請寫成 {value / 100:g}。",
        )
    return TaskError(Text(f"{field}: ", f"{field}：") + said + Text(".", "。"), fix, field=field)


def _check_metric(task: Task) -> None:
    """A goal is one metric over all labels (`macro_f1`) or one label's (`recall.negative`), and fits the type."""
    TYPES.get(task.type, "type")  # asks where nobody has agreed to its file
    name, answers = task.metric, answers_of(task.type)
    if fits(name, answers, task.labels or None):
        METRICS.get(name.partition(".")[0], "success_criteria.metric")  # asks where nobody has agreed to a file
        return
    if name in METRICS.faults():
        METRICS.get(name)  # says why it cannot be used
    what = Text(f"There is no metric {name[:40]!r}", f"沒有「{name[:40]}」這個指標")
    if name.partition(".")[0] in known_metrics():
        what = Text(
            f"{name[:40]!r} does not fit a task of the type {task.type}",
            f"「{name[:40]}」不適合 {task.type} 類型的任務",
        )
    raise TaskError(
        what + Text(".", "。"),
        suggest(name, suggest_metrics(name, answers, task.labels, 1), cutoff=0.5),
        field="success_criteria.metric",
    )
