"""A plan: `configs/<name>.yaml`, the settings of a version not yet trained. A person may edit it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ...resources.foundation.clock import now
from ...resources.foundation.errors import TrainingError
from ...resources.foundation.files import lock, read_yaml, write_yaml
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.foundation.wording import misfit_of
from ...resources.schemas import schema_line
from ...resources.task import TaskFolder, TaskType
from ...resources.version import VersionFolder, version, version_numbers
from ...resources.version_config import Expectation, VersionConfig
from .default_settings import inherit_settings, resolve_settings
from .method import Method, default_method, make_method, method_class
from .training_context import TrainingContext
from .trl_names import written_as_ours

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_HEAD = ("format", "name", "method", "parent", "created", "changes", "expects", "base_model_sha256")
NO_PARENT = "none"


@dataclass(frozen=True)
class Plan:
    """What to train: a method with its settings, on which version it builds, and the person's own words on why.

    `expects` is a diagnosis's prediction; `base_model_sha256` the hash of the GGUF file that it was made on; `renamed` says which settings were given under a name of TRL's.
    """

    name: str
    method: str
    settings: Method
    parent: str | None = None
    changes: list[str] = field(default_factory=list)
    created: str = field(default_factory=now)
    expects: Expectation | None = None
    base_model_sha256: str | None = None
    renamed: list[Text] = field(default_factory=list)

    def content(self) -> JsonObject:
        """What the file holds: the fields above, and beside them the settings of the method by their names."""
        settings = self.settings.model_dump(mode="json", exclude_none=True)
        return {
            "format": 1,
            "name": self.name,
            "created": self.created,
            "parent": self.parent,
            "changes": list(self.changes),
            **({"expects": self.expects.to_dict()} if self.expects else {}),
            "method": self.method,
            **({"base_model_sha256": self.base_model_sha256} if self.base_model_sha256 else {}),
            **settings,
        }


def plan_file(task: TaskFolder, name: str) -> Path:
    """Where the plan of that name stands.

    Raises:
        TrainingError: the name could not be a file's on every system.
    """
    if not _NAME.fullmatch(name):
        raise TrainingError(
            Text(f"{name[:60]!r} cannot be a plan's name.", f"「{name[:60]}」不能當計畫名稱。"),
            Text("Use lower-case letters, digits and hyphens.", "請用小寫英文字母、數字與連字號。"),
            field="plan",
        )
    return task.configs / f"{name}.yaml"


def write_plan(task: TaskFolder, plan: Plan) -> Path:
    path = plan_file(task, plan.name)
    write_yaml(path, plan.content(), schema_line(path, task.schema("plan")))
    return path


def write_new_plan(task: TaskFolder, plan: Plan, since: float) -> Plan:
    """Write a plan that nobody named under a name of its own: `plan-v2`, `plan-v2-2`, … for the version that comes next.
    What another client plans meanwhile stays as it is. The very same plan, where it stood before, is that plan.

    Arguments:
        since: when this planning began (`time.time()`).
    """
    first = f"plan-v{(version_numbers(task) or [0])[-1] + 1}"
    with lock(task.configs / "plans"):
        for name in chain([first], (f"{first}-{number}" for number in count(2))):
            named, path = replace(plan, name=name), plan_file(task, name)
            if not path.exists():
                write_plan(task, named)
                return named
            if path.stat().st_mtime < since and _says_the_same(path, named):
                os.utime(path)  # the newest plan is the one that is trained where none is named
                return named
    raise AssertionError("there is always a next number")


def _says_the_same(path: Path, plan: Plan) -> bool:
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        standing = read_yaml(path)
        return isinstance(standing, dict) and {**standing, "created": None} == {**plan.content(), "created": None}
    return False


def find_plan(task: TaskFolder, name: str | None = None) -> str:
    """The name of an existing plan: the given one, else the newest.

    Raises:
        TrainingError: there is none.
    """
    found = sorted(task.configs.glob("*.yaml"), key=lambda file: file.stat().st_mtime) if task.configs.is_dir() else []
    names = [file.stem for file in found]
    if name is None and names:
        return names[-1]
    if name is not None and plan_file(task, name).is_file():
        return name
    problem = (
        Text(f"{task.name} has no plan {name!r}.", f"{task.name} 沒有「{name}」這個計畫。")
        if name
        else Text(f"{task.name} has no training plan yet.", f"{task.name} 還沒有訓練計畫。")
    )
    raise TrainingError(
        problem,
        Text(
            f"Use one of: {', '.join(names)}." if names else "Call plan_training first.",
            f"可用的計畫：{'、'.join(names)}。" if names else "請先呼叫 plan_training。",
        ),
        field="plan",
    )


def read_plan(task: TaskFolder, name: str) -> Plan:
    """The plan of that name, validated.

    Raises:
        TrainingError: it is missing, not YAML, or a setting is unknown or out of range.
    """
    path = plan_file(task, find_plan(task, name))
    try:
        content = read_yaml(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(
            Text(f"{path} cannot be read as YAML: {error}", f"{path} 不是有效的 YAML：{error}"),
            Text("Fix the line it names, or plan again.", "請修正所指的那一行，或重新規劃。"),
            field="plan",
        ) from error
    if not isinstance(content, dict) or content.get("format", 1) != 1:
        raise TrainingError(
            Text(f"{path} is not a plan of format 1.", f"{path} 不是格式 1 的計畫。"),
            Text("Plan again with plan_training.", "請用 plan_training 重新規劃。"),
            field="plan",
        )
    kind = str(content.get("method", "sft"))
    given, renamed = written_as_ours(
        {key: value for key, value in content.items() if key not in _HEAD}, kind, method_class(kind).model_fields
    )
    settings = make_method(kind, given)
    return Plan(
        name=path.stem,
        method=kind,
        settings=settings,
        parent=content.get("parent"),
        changes=[str(words) for words in content.get("changes") or []],
        created=str(content.get("created") or now()),
        expects=_read_expectation(content.get("expects")),
        base_model_sha256=str(content["base_model_sha256"]) if content.get("base_model_sha256") else None,
        renamed=renamed,
    )


def _read_expectation(content: object) -> Expectation | None:
    if not content:
        return None
    try:
        return Expectation.model_validate(content)
    except ValidationError as error:
        wrong = misfit_of(error, "expects")
        raise TrainingError(
            Text("{field} cannot be used: {why}.", "{field} 不能用：{why}。").format(field=wrong.field, why=wrong.said),
            Text("Take expects out of the plan, or plan again.", "請從計畫中移除 expects，或重新規劃。"),
            field=wrong.field,
        ) from error


def method_of(config: VersionConfig) -> Method:
    """The method of a version's `config.yaml`, exactly as it was reserved."""
    known = method_class(config.method).model_fields
    return make_method(config.method, {key: value for key, value in config.to_dict().items() if key in known})


def under_our_names(
    settings: Mapping[str, Any], parent: VersionFolder | None, kind: TaskType
) -> tuple[JsonObject, list[Text]]:
    """Settings that a person gave, under our names, and a word on each that had another.

    Raises:
        TrainingError: there is no such method, or one setting is given twice and differently.
    """
    before = parent.config().to_dict() if parent else {}
    method = str(settings.get("method") or before.get("method") or default_method(kind))
    given = {name: value for name, value in settings.items() if name != "method"}
    inherited = before if before.get("method") == method else {}
    ours, renamed = written_as_ours(given, method, method_class(method).model_fields, inherited)
    return {**({"method": settings["method"]} if "method" in settings else {}), **ours}, renamed


def choose_parent(task: TaskFolder, parent: str | None) -> VersionFolder | None:
    """The version to build on: the named one, none for `none`, else the newest trained one.

    Raises:
        TaskError: there is no version of that name.
        TrainingError: it was never trained.
    """
    if parent == NO_PARENT:
        return None
    if parent is None:
        trained = [
            folder
            for number in version_numbers(task)
            if (folder := VersionFolder(task, number)).status() in ("trained", "evaluated")
        ]
        return trained[-1] if trained else None
    chosen = version(task, parent)
    if chosen.status() not in ("trained", "evaluated"):
        raise TrainingError(
            Text(
                f"{chosen.name} was never fully trained, so nothing can build on it.",
                f"{chosen.name} 沒有訓練完成，不能當作上一版。",
            ),
            Text("Name a trained version, or parent='none'.", "請指定訓練完成的版本，或 parent='none'。"),
            field="parent",
        )
    return chosen


def make_plan(
    name: str,
    settings: JsonObject,
    parent: VersionFolder | None,
    changes: list[str],
    context: TrainingContext,
    default_base_model: str,
    expects: Expectation | None = None,
) -> tuple[Plan, dict[str, Text]]:
    """A plan with every setting resolved, and why each main one is what it is.

    With a parent, its settings are kept and only the given ones change (with those that follow from them).

    Raises:
        TrainingError: a setting is unknown or out of range, or the method does not train on such rows.
    """
    changed = dict(settings)
    inherited: JsonObject = parent.config().to_dict() if parent else {}
    kind = str(changed.pop("method", None) or inherited.get("method") or default_method(context.type))
    cls = method_class(kind)
    make_method(kind, {"base_model": default_base_model, **changed})
    combined = inherit_settings(cls, inherited, changed) if parent and inherited.get("method") == kind else changed
    combined.setdefault("base_model", default_base_model)
    resolved, reasons = resolve_settings(make_method(kind, combined), context)
    if parent:
        kept = Text(f"Kept from {parent.name}.", f"沿用 {parent.name}。")
        reasons = {name: kept if name in combined and name not in changed else why for name, why in reasons.items()}
    return Plan(name, kind, resolved, parent.name if parent else None, list(changes), expects=expects), reasons
