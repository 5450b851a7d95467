"""`lineage.yaml`: what a version's commits say, in one file of the seed's shape.

It is derived from the version's own files (config, data snapshot, model, results) and from its parent's, so it can be
written again at any time. `load_lineage` does that on every read: the version-tracking hook has run whichever road
(tool, script, another machine) produced the version, also after a kill between a commit and its lineage.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .changes import changes_between
from .evaluation import Evaluation
from .foundation.clock import now
from .foundation.errors import TaskError
from .foundation.files import read_yaml, sha256_bytes, write_yaml
from .foundation.language import Language, Text
from .model_info import ModelInfo
from .spending import amount, total_spent
from .task import TaskFolder, describe_validation, field_of
from .version import VersionFolder, version_numbers
from .version_config import VersionConfig

_SUMMARISED = ("machine", "nlp_skills", "python", "platform", "packages", "threads", "processes", "code")


class _Open(BaseModel):
    """Validated on load, unknown fields kept."""

    model_config = ConfigDict(extra="allow")


class LineageData(_Open):
    """Which rows: the hash of what came from the sources, the snapshot's hash, and the number of rows in each split."""

    source_hash: str | None = None
    snapshot: str | None = None
    train_count: int | None = None
    valid_count: int | None = None
    test_count: int | None = None


class Lineage(_Open):
    """The content of `lineage.yaml`; only `version` is required, so the seed's own example is valid as it stands."""

    version: str
    created: str | None = None
    parent: str | None = None
    data: LineageData = Field(default_factory=LineageData)
    config: dict[str, Any] = Field(default_factory=dict)
    results: dict[str, Any] = Field(default_factory=dict)
    changes: list[str] = Field(default_factory=list)
    change_details: list[dict[str, Any]] = Field(default_factory=list)


def track_version(folder: VersionFolder) -> dict[str, Any]:
    """Bring `lineage.yaml` up to date with the version's files, and return its content.

    Idempotent; written by rename, and only where something differs. Fields it does not know and sentences a person
    added to `changes` are kept. A version still in training gets no file yet: its lineage is what the commits say.

    Raises:
        TaskError: the version has neither a config of its own nor a readable lineage.
    """
    existing = _existing(folder)
    if not folder.config_file.is_file():
        if existing is None:
            raise _empty(folder)
        return existing
    derived = _derive_lineage(folder, existing or {})
    content = {**derived, **{key: value for key, value in (existing or {}).items() if key not in _OWN_FIELDS}}
    if content != existing and folder.status() != "reserved":
        write_yaml(folder.lineage_file, content)
    return content


def load_lineage(folder: VersionFolder) -> dict[str, Any]:
    """The version's lineage, brought up to date first (see `track_version`)."""
    return track_version(folder)


def parse_lineage(content: Any, path: Path) -> dict[str, Any]:
    """Validate the content of a `lineage.yaml`, unknown fields kept.

    Raises:
        TaskError: names the first wrong field.
    """
    try:
        Lineage.model_validate(content)
    except ValidationError as error:
        raise TaskError(*describe_validation(error, path), field=field_of(error) or "lineage.yaml") from error
    return dict(content)


def lineage_chain(task: TaskFolder) -> list[dict[str, Any]]:
    """The lineage of every version that has one, oldest first; failed and running ones carry their `status`."""
    folders = (VersionFolder(task, number) for number in version_numbers(task))
    return [load_lineage(folder) for folder in folders if folder.config_file.is_file() or folder.lineage_file.is_file()]


def ancestors(task: TaskFolder, name: str) -> list[str]:
    """The parent chain of version `name`, nearest first; a loop somebody wrote by hand ends it."""
    parents = {str(lineage["version"]): lineage.get("parent") for lineage in lineage_chain(task)}
    chain: list[str] = []
    parent = parents.get(name)
    while parent and parent not in chain and parent != name:
        chain.append(str(parent))
        parent = parents.get(str(parent))
    return chain


def lineage_mermaid(task: TaskFolder) -> str:
    """The versions as a Mermaid flowchart: parents point at children, edges say what changed."""
    lines, metric = ["flowchart TD"], task.load().metric
    chain = lineage_chain(task)
    known = {str(lineage["version"]) for lineage in chain}
    for lineage in chain:
        name = str(lineage["version"])
        status = lineage.get("status")
        shown = [name]
        if (score := lineage.get("results", {}).get(metric)) is not None:
            shown.append(f"{metric.replace('_f1', '-F1').replace('_', ' ')} {score:.3f}")
        elif status:
            shown.append(str(STATUS_WORDS.get(status, Text(status, status))))
        lines.append(f'    {name}["{_LINE.join(map(_mermaid, shown))}"]')
    for lineage in chain:
        name, parent = str(lineage["version"]), lineage.get("parent")
        if not parent:
            continue
        if parent not in known:
            known.add(str(parent))
            lines.append(f'    {parent}["{parent}"]')
        words = [_mermaid(sentence) for sentence in lineage.get("changes") or []]
        label = _LINE.join(words[:3]) + (f" (+{len(words) - 3})" if len(words) > 3 else "")
        lines.append(f'    {parent} -->|"{label}"| {name}' if label else f"    {parent} --> {name}")
    return "\n".join(lines) + "\n"


STATUS_WORDS = {
    "reserved": Text("in training", "訓練中"),
    "failed": Text("failed", "失敗"),
    "cancelled": Text("cancelled", "已取消"),
    "trained": Text("not evaluated yet", "尚未評估"),
    "evaluated": Text("evaluated", "已評估"),
}

_LINE = "<br/>"
_MERMAID_CODES = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "|": "#124;", "`": "#96;", ";": "#59;"}
_OWN_FIELDS = {
    "format",
    "version",
    "created",
    "parent",
    "cloned_from",
    "status",
    "data",
    "config",
    "results",
    "changes",
    "change_details",
    "seed",
    "hashes",
    "environment",
    "hardware",
    "prediction",
    "cost",
}


def _mermaid(text: str) -> str:
    """`text` as it may stand inside a quoted Mermaid label."""
    return " ".join("".join(_MERMAID_CODES.get(character, character) for character in text).split())


def _existing(folder: VersionFolder) -> dict[str, Any] | None:
    """What stands in the file. One that cannot be read is set aside where the version can write it again."""
    if not folder.lineage_file.is_file():
        return None
    try:
        content = read_yaml(folder.lineage_file)
        if not isinstance(content, dict):
            raise TypeError("no fields")
        return parse_lineage(content, folder.lineage_file)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, TaskError) as error:
        if folder.config_file.is_file():
            os.replace(folder.lineage_file, folder.lineage_file.with_suffix(".broken.yaml"))
            return None
        if isinstance(error, TaskError):
            raise
        raise TaskError(
            Text(f"{folder.lineage_file} cannot be read: {error}", f"{folder.lineage_file} 無法讀取：{error}"),
            Text("Fix the line it names.", "請修正所指的那一行。"),
            field="lineage.yaml",
        ) from error


def _empty(folder: VersionFolder) -> TaskError:
    return TaskError(
        Text(
            f"{folder.root} holds no config.yaml: that version was reserved and never started.",
            f"{folder.root} 沒有 config.yaml：這個版本只保留了編號，沒有開始訓練。",
        ),
        Text(
            "Use another version, or train a new one with plan_training.",
            "請改用其他版本，或用 plan_training 訓練新的版本。",
        ),
        field="version",
    )


def _derive_lineage(folder: VersionFolder, existing: dict[str, Any]) -> dict[str, Any]:
    config = folder.config()
    data, model = folder.data_snapshot(), folder.model_info()
    environment = folder.environment().to_dict()
    evaluation = folder.latest_evaluation()
    sentences, details = _changes(folder, config, existing)
    origin = None if config.parent else folder.task.load().cloned_from  # a clone's first versions have it
    return {
        "format": 1,
        "version": folder.name,
        "created": model.created or config.created or existing.get("created") or now(),
        "parent": config.parent,
        **({"cloned_from": origin} if origin else {}),
        "status": folder.status(),
        "data": {
            "source_hash": data.source_hash or None,
            "snapshot": data.hash or None,
            **{f"{split}_count": data.counts.get(split) for split in ("train", "valid", "test")},
            **({"accepted": data.accepted} if data.accepted else {}),
        },
        "config": config.settings(),
        "results": _results(evaluation),
        **({"prediction": predicted} if (predicted := prediction_of(folder)) else {}),
        "changes": sentences,
        "change_details": details,
        "seed": config.seed,
        "hashes": _hashes(folder, model, evaluation),
        "environment": {key: environment[key] for key in _SUMMARISED if key in environment},
        "hardware": environment.get("hardware"),
        **({"cost": cost} if (cost := cost_of(folder)) else {}),
    }


def cost_of(folder: VersionFolder) -> dict[str, Any] | None:
    """What training the version has cost, beside what was expected and agreed to; None where it cost nothing.

    Returns:
        `{spent, estimate: [low, high], per_hour, currency}`.
    """
    reservation = folder.reservation()
    agreed = reservation.cost
    if agreed is None:
        return None
    return {
        "spent": total_spent(folder.task, reservation.job),
        "estimate": [agreed.low, agreed.high],
        "per_hour": agreed.per_hour,
        "currency": agreed.currency,
    }


def cost_said(folder: VersionFolder) -> Text | None:
    """The same in a sentence."""
    cost = cost_of(folder)
    if cost is None:
        return None
    low, high = cost["estimate"]
    return Text(
        f"It cost {amount(cost['spent'])} {cost['currency']} (estimated {amount(low)}–{amount(high)}).",
        f"花費 {amount(cost['spent'])} {cost['currency']}（預估 {amount(low)}–{amount(high)}）。",
    )


def prediction_of(folder: VersionFolder) -> dict[str, Any] | None:
    """What a diagnosis expected of this version, beside what happened.

    Returns:
        `{metric, low, high, because, value, outcome}`; `outcome` is `within`, `above`, `below` or `not_measured`.
    """
    expects = folder.config().expects
    if expects is None or not {"metric", "low", "high"} <= expects.keys():
        return None
    value = _metric_value(folder.latest_evaluation(), str(expects["metric"]))
    low, high = float(expects["low"]), float(expects["high"])
    outcome = "not_measured" if value is None else "below" if value < low else "above" if value > high else "within"
    return {**expects, "value": value, "outcome": outcome}


def _metric_value(evaluation: Evaluation | None, metric: str) -> float | None:
    """A metric's value in an evaluation, `recall.negative` among them."""
    found = evaluation.find_metric(metric) if evaluation else None
    return None if found is None else float(found.value)


def _results(evaluation: Evaluation | None) -> dict[str, Any]:
    """The newest evaluation's figures in the seed's flat shape, with their 95 % intervals beside them."""
    if evaluation is None:
        return {}
    return {
        **{name: figures.value for name, figures in evaluation.metrics.items()},
        "intervals": {
            name: [figures.low, figures.high] for name, figures in evaluation.metrics.items() if figures.low is not None
        },
        "benchmark": evaluation.benchmark.name,
        "benchmark_hash": evaluation.benchmark.hash,
        "evaluated": evaluation.created,
    }


def _hashes(folder: VersionFolder, model: ModelInfo, evaluation: Evaluation | None) -> dict[str, str]:
    files = model.files
    found = {
        "config": sha256_bytes(folder.config_file.read_bytes()),
        "base_model": model.base_model.hash,
        "model": sha256_bytes(json.dumps(files, sort_keys=True).encode()) if files else None,
        "predictions": evaluation.predictions_hash if evaluation else None,
    }
    return {name: value for name, value in found.items() if value}


def _changes(
    folder: VersionFolder, config: VersionConfig, existing: dict[str, Any]
) -> tuple[list[str], list[dict[str, Any]]]:
    """The sentences in the task's language (found ones, then the person's own) and the structure of the found ones.

    Where the parent is gone, what was found while it stood is kept.
    """
    language: Language = folder.task.load().language
    before: list[dict[str, Any]] = list(existing.get("change_details") or [])
    parent = parent_of(folder)
    details = [change.to_dict() for change in changes_between(parent, folder)] if parent else before
    found = [str(Text(**detail["text"]).to(language)) for detail in details if "text" in detail]
    rendered_before = {sentence for detail in before for sentence in detail.get("text", {}).values()}
    own = [str(words) for words in config.changes or []]
    by_hand = [words for words in existing.get("changes") or [] if words not in rendered_before]
    return list(dict.fromkeys([*found, *own, *by_hand])), details


def parent_of(folder: VersionFolder) -> VersionFolder | None:
    """The version this one was made from, where it still stands."""
    name = folder.config().parent or ""
    number = int(name[1:]) if name[:1] == "v" and name[1:].isdigit() else None
    if number is None or number == folder.number:
        return None
    parent = VersionFolder(folder.task, number)
    return parent if parent.config_file.is_file() else None
