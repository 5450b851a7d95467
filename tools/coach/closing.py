"""How a stage is closed: what it cost, from the files, and the score against the person's own goal."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ...resources.foundation.files import read_json
from ...resources.foundation.language import SENTENCES, Text, number_of
from ...resources.job import JobFolder
from ...resources.spending import standing
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder
from ..compute.jobs.events import worked_seconds
from ..compute.jobs.words import duration, size
from ..evaluate.metric import metric_title
from .analysis import Result
from .situation import Situation
from .texts.reading import Texts
from .wording import join_list

_text = Texts("closing")

_NORMAL_95 = 1.96  # standard errors on either side of a 95 % interval
_JOBS_LOOKED_AT = 12


def cost_of_data(situation: Situation) -> Text:
    """What preparing the data took: seconds, rows, disk."""
    seconds = _job_seconds(situation.folder, "regenerate")
    parts = [duration(seconds)] if seconds else []
    rows = sum(situation.counts.values())
    parts.append(str(_text("cost_of_data.kept", rows=number_of(rows, "row"))))
    if used := _disk(situation.folder.data):
        parts.append(str(_text("cost_of_data.disk", used=size(used))))
    return _cost(parts, situation.folder)


def cost_of_version(version: VersionFolder, evaluated: bool) -> Text:
    """What a version took: training (time, tokens), evaluation where it is `evaluated`, disk."""
    training = version.model_info().training
    parts = []
    if seconds := training.seconds:
        parts.append(str(_text("cost_of_version.training", seconds=duration(seconds))))
    if tokens := training.tokens:
        parts.append(str(_text("cost_of_version.tokens", tokens=tokens)))
    evaluation = version.latest_evaluation() if evaluated else None
    if evaluation and evaluation.seconds:
        taken = duration(float(evaluation.seconds))
        parts.append(str(_text("cost_of_version.evaluation", taken=taken)))
    if used := _disk(version.models / "adapter") + _disk(version.models / "model"):
        parts.append(str(_text("cost_of_version.disk", used=size(used))))
    return _cost(parts, version.task)


def cost_of_deployment(situation: Situation) -> Text:
    """What bringing a version into use took."""
    seconds = _job_seconds(situation.folder, "deploy")
    return _cost(
        [str(_text("cost_of_deployment.deployment", seconds=duration(seconds)))] if seconds else [], situation.folder
    )


def goal_line(task: Task) -> Text:
    """The goal in figures, while nothing is measured."""
    criteria = task.success_criteria
    if criteria.threshold is None:
        return Text("", "")
    title, today = metric_title(task.metric), ""
    if criteria.baseline is not None:
        today = str(_text("goal_line.today", baseline=criteria.baseline))
    return _text("goal_line.score_not_measured", title=title, threshold=criteria.threshold, today=today)


def beside_today(task: Task, result: Result) -> Text | None:
    """The score beside what they have today."""
    today = task.success_criteria.baseline
    if today is None:
        return None
    if result.value > today:
        return _text("beside_today.todays_way", today=today)
    return _text("beside_today.not_above_todays", today=today)


def precision_of(rows: int, threshold: float) -> float:
    """Half the width of the 95 % interval of a share measured on that many rows: 1.96 · √(p(1 − p)/n)."""
    return _NORMAL_95 * math.sqrt(threshold * (1 - threshold) / rows)


def _cost(parts: list[str], task: TaskFolder) -> Text:
    """The parts of one stage, and the money that the whole task has taken."""
    money = standing(task)
    shown = join_list(parts if money else [*parts, str(_text("cost.no_money"))])
    return SENTENCES.join([_text("cost.cost", shown=shown) if shown else None, money])


def _job_seconds(folder: TaskFolder, kind: str) -> float:
    """How long the newest finished job of that kind was at work, from its files; 0 where none is known."""
    if not folder.jobs.is_dir():
        return 0.0
    with os.scandir(folder.jobs) as entries:
        names = sorted((entry.name for entry in entries if f"-{kind}-" in entry.name), reverse=True)
    for name in names[:_JOBS_LOOKED_AT]:
        ended = folder.jobs / name / "exit.json"
        if ended.is_file() and read_json(ended).get("state") == "succeeded":
            return worked_seconds(JobFolder(folder.jobs / name))
    return 0.0


def _disk(folder: Path) -> int:
    """Bytes of the files directly in `folder`."""
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file())
