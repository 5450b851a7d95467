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

from .changes import changes_between
from .evaluation import Evaluation
from .foundation.clock import now
from .foundation.errors import TaskError
from .foundation.files import read_yaml, sha256_bytes, write_yaml
from .foundation.json_object import JsonObject
from .foundation.language import Language, Text
from .lineage_record import ChangeDetail, Lineage, LineageData, Prediction, VersionCost
from .model_info import ModelInfo
from .spending import amount, total_spent
from .task import TaskFolder
from .version import VersionFolder, version_numbers
from .version_config import VersionConfig

_SUMMARISED = ("machine", "nlp_skills", "python", "platform", "packages", "threads", "processes", "code")


def track_version(folder: VersionFolder) -> Lineage:
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
    lineage = _derive_lineage(folder, existing)
    content = lineage.to_dict()
    if (existing is None or content != existing.to_dict()) and folder.status() != "reserved":
        write_yaml(folder.lineage_file, content)
    return lineage


def load_lineage(folder: VersionFolder) -> Lineage:
    """The version's lineage, brought up to date first (see `track_version`)."""
    return track_version(folder)


def parse_lineage(content: Any, path: Path) -> Lineage:
    """Validate the content of a `lineage.yaml`, unknown fields kept.

    Raises:
        TaskError: names the first wrong field.
    """
    return Lineage.parse(content, path)


def lineage_chain(task: TaskFolder) -> list[Lineage]:
    """The lineage of every version that has one, oldest first; failed and running ones carry their `status`."""
    folders = (VersionFolder(task, number) for number in version_numbers(task))
    return [load_lineage(folder) for folder in folders if folder.config_file.is_file() or folder.lineage_file.is_file()]


def ancestors(task: TaskFolder, name: str) -> list[str]:
    """The parent chain of version `name`, nearest first; a loop somebody wrote by hand ends it."""
    parents = {lineage.version: lineage.parent for lineage in lineage_chain(task)}
    chain: list[str] = []
    parent = parents.get(name)
    while parent and parent not in chain and parent != name:
        chain.append(parent)
        parent = parents.get(parent)
    return chain


def lineage_mermaid(task: TaskFolder) -> str:
    """The versions as a Mermaid flowchart: parents point at children, edges say what changed."""
    lines, metric = ["flowchart TD"], task.load().metric
    chain = lineage_chain(task)
    known = {lineage.version for lineage in chain}
    for lineage in chain:
        name, status = lineage.version, lineage.status
        shown = [name]
        if (score := lineage.results.get(metric)) is not None:
            shown.append(f"{metric.replace('_f1', '-F1').replace('_', ' ')} {score:.3f}")
        elif status:
            shown.append(str(STATUS_WORDS.get(status, Text(status, status))))
        lines.append(f'    {name}["{_LINE.join(map(_mermaid, shown))}"]')
    for lineage in chain:
        name, parent = lineage.version, lineage.parent
        if not parent:
            continue
        if parent not in known:
            known.add(parent)
            lines.append(f'    {parent}["{parent}"]')
        words = [_mermaid(sentence) for sentence in lineage.changes]
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


def _mermaid(text: str) -> str:
    """`text` as it may stand inside a quoted Mermaid label."""
    return " ".join("".join(_MERMAID_CODES.get(character, character) for character in text).split())


def _existing(folder: VersionFolder) -> Lineage | None:
    """What stands in the file. One that cannot be read is set aside where the version can write it again."""
    if not folder.lineage_file.is_file():
        return None
    try:
        content = read_yaml(folder.lineage_file)
        if not isinstance(content, dict):
            raise TypeError("no fields")
        return parse_lineage(content, folder.lineage_file)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, TaskError) as error:
        of_newer_format = isinstance(error, TaskError) and error.field == "format"
        if folder.config_file.is_file() and not of_newer_format:
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


def _derive_lineage(folder: VersionFolder, existing: Lineage | None) -> Lineage:
    config, task = folder.config(), folder.task.load()
    data, model = folder.data_snapshot(), folder.model_info()
    environment = folder.environment().to_dict()
    evaluation = folder.latest_evaluation()
    sentences, details = _changes(folder, config, existing, task.language)
    origin = None if config.parent else task.cloned_from  # a clone's first versions have it
    return Lineage(
        format=1,
        version=folder.name,
        created=model.created or config.created or (existing.created if existing else None) or now(),
        parent=config.parent,
        **({"cloned_from": origin} if origin else {}),
        status=folder.status(),
        data=LineageData(
            source_hash=data.source_hash or None,
            snapshot=data.hash or None,
            train_count=data.counts.get("train"),
            valid_count=data.counts.get("valid"),
            test_count=data.counts.get("test"),
            **({"accepted": data.accepted} if data.accepted else {}),
        ),
        config=config.settings(),
        results=_results(evaluation),
        **({"prediction": predicted} if (predicted := _compare_prediction(config, evaluation)) else {}),
        changes=sentences,
        change_details=details,
        seed=config.seed,
        hashes=_hashes(folder, model, evaluation),
        environment={key: environment[key] for key in _SUMMARISED if key in environment},
        hardware=environment.get("hardware"),
        **({"cost": cost} if (cost := cost_of(folder)) else {}),
        **((existing.model_extra or {}) if existing else {}),
    )


def cost_of(folder: VersionFolder) -> VersionCost | None:
    """What training the version has cost, beside what was expected and agreed to; None where it cost nothing."""
    reservation = folder.reservation()
    agreed = reservation.cost
    if agreed is None:
        return None
    return VersionCost(
        spent=total_spent(folder.task, reservation.job),
        estimate=(agreed.low, agreed.high),
        per_hour=agreed.per_hour,
        currency=agreed.currency,
    )


def cost_said(folder: VersionFolder) -> Text | None:
    """The same in a sentence."""
    cost = cost_of(folder)
    if cost is None:
        return None
    low, high = cost.estimate
    return Text(
        f"It cost {amount(cost.spent)} {cost.currency} (estimated {amount(low)}–{amount(high)}).",
        f"花費 {amount(cost.spent)} {cost.currency}（預估 {amount(low)}–{amount(high)}）。",
    )


def prediction_of(folder: VersionFolder) -> Prediction | None:
    """What a diagnosis expected of this version, beside what happened."""
    return _compare_prediction(folder.config(), folder.latest_evaluation())


def _compare_prediction(config: VersionConfig, evaluation: Evaluation | None) -> Prediction | None:
    expects = config.expects
    if expects is None or not {"metric", "low", "high"} <= expects.model_fields_set:
        return None
    value = _metric_value(evaluation, expects.metric)
    low, high = expects.low, expects.high
    outcome = "not_measured" if value is None else "below" if value < low else "above" if value > high else "within"
    return Prediction.model_validate({**expects.to_dict(), "value": value, "outcome": outcome})


def _metric_value(evaluation: Evaluation | None, metric: str) -> float | None:
    """A metric's value in an evaluation, `recall.negative` among them."""
    found = evaluation.find_metric(metric) if evaluation else None
    return None if found is None else float(found.value)


def _results(evaluation: Evaluation | None) -> JsonObject:
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
        "base_model_file": model.base_model.file_hash,
        "model": sha256_bytes(json.dumps(files, sort_keys=True).encode()) if files else None,
        "predictions": evaluation.predictions_hash if evaluation else None,
    }
    return {name: value for name, value in found.items() if value}


def _changes(
    folder: VersionFolder, config: VersionConfig, existing: Lineage | None, language: Language
) -> tuple[list[str], list[ChangeDetail]]:
    """The sentences in the task's language (found ones, then the person's own) and the structure of the found ones.

    Where the parent is gone, what was found while it stood is kept.
    """
    before = existing.change_details if existing else []
    parent = _find_parent(folder, config)
    details = (
        [ChangeDetail.model_validate(change.to_dict()) for change in changes_between(parent, folder)]
        if parent
        else before
    )
    found = [str(Text(**detail.text).to(language)) for detail in details if detail.text]
    rendered_before = {sentence for detail in before for sentence in detail.text.values()}
    own = [str(words) for words in config.changes or []]
    by_hand = [words for words in (existing.changes if existing else ()) if words not in rendered_before]
    return list(dict.fromkeys([*found, *own, *by_hand])), details


def parent_of(folder: VersionFolder) -> VersionFolder | None:
    """The version this one was made from, where it still stands."""
    return _find_parent(folder, folder.config())


def _find_parent(folder: VersionFolder, config: VersionConfig) -> VersionFolder | None:
    name = config.parent or ""
    number = int(name[1:]) if name[:1] == "v" and name[1:].isdigit() else None
    if number is None or number == folder.number:
        return None
    parent = VersionFolder(folder.task, number)
    return parent if parent.config_file.is_file() else None
