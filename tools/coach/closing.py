"""How a stage is closed: what it cost, from the files, and the score against the person's own goal."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ...resources.foundation.files import read_json
from ...resources.foundation.language import Text, several
from ...resources.job import JobFolder
from ...resources.spending import standing
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder
from ..compute.jobs.events import worked_seconds
from ..compute.jobs.words import duration, size
from ..evaluate.metric import metric_title
from .analysis import Result
from .situation import Situation
from .wording import join_list

_NORMAL_95 = 1.96  # standard errors on either side of a 95 % interval
_JOBS_LOOKED_AT = 12


def cost_of_data(situation: Situation) -> Text:
    """What preparing the data took: seconds, rows, disk."""
    seconds = _job_seconds(situation.folder, "regenerate")
    parts = [duration(seconds)] if seconds else []
    rows = sum(situation.counts.values())
    parts.append(str(Text(f"{several(rows, 'row')} kept", f"留下 {rows} 筆")))
    if used := _disk(situation.folder.data):
        parts.append(str(Text(f"{size(used)} on disk", f"磁碟 {size(used)}")))
    return _cost(parts, situation.folder)


def cost_of_version(version: VersionFolder, evaluated: bool) -> Text:
    """What a version took: training (time, tokens), evaluation where it is `evaluated`, disk."""
    training = version.model_info().training
    parts = []
    if seconds := training.seconds:
        parts.append(str(Text(f"{duration(seconds)} of training", f"訓練 {duration(seconds)}")))
    if tokens := training.tokens:
        parts.append(str(Text(f"{tokens:,} tokens", f"{tokens:,} 個 token")))
    evaluation = version.latest_evaluation() if evaluated else None
    if evaluation and evaluation.seconds:
        taken = duration(float(evaluation.seconds))
        parts.append(str(Text(f"{taken} of evaluation", f"評估 {taken}")))
    if used := _disk(version.models / "adapter") + _disk(version.models / "model"):
        parts.append(str(Text(f"{size(used)} on disk", f"磁碟 {size(used)}")))
    return _cost(parts, version.task)


def cost_of_deployment(situation: Situation) -> Text:
    """What bringing a version into use took."""
    seconds = _job_seconds(situation.folder, "deploy")
    return _cost(
        [str(Text(f"{duration(seconds)} of deployment", f"部署 {duration(seconds)}"))] if seconds else [],
        situation.folder,
    )


def goal_line(task: Task) -> Text:
    """The goal in figures, while nothing is measured."""
    criteria = task.success_criteria
    if criteria.threshold is None:
        return Text("", "")
    title, today = metric_title(task.metric), ""
    if criteria.baseline is not None:
        today = str(Text(f", today {criteria.baseline:g}", f"，目前 {criteria.baseline:g}"))
    return Text(
        f"Score: not measured yet; your goal is {title.en} {criteria.threshold:g}{today}.",
        f"分數：還沒有量；你的目標是 {title.zh} {criteria.threshold:g}{today}。",
    )


def beside_today(task: Task, result: Result) -> Text | None:
    """The score beside what they have today."""
    today = task.success_criteria.baseline
    if today is None:
        return None
    if result.value > today:
        return Text(f"Today's way is at {today:g}.", f"目前的做法是 {today:g}。")
    return Text(f"That is not above today's way ({today:g}) yet.", f"還沒有超過目前的做法（{today:g}）。")


def precision_of(rows: int, threshold: float) -> float:
    """Half the width of the 95 % interval of a share measured on that many rows: 1.96 · √(p(1 − p)/n)."""
    return _NORMAL_95 * math.sqrt(threshold * (1 - threshold) / rows)


def _cost(parts: list[str], task: TaskFolder) -> Text:
    """The parts of one stage, and the money that the whole task has taken."""
    money = standing(task)
    shown = join_list(parts if money else [*parts, str(Text("no money", "沒有花錢"))])
    so_far = Text(f" {money.en}", money.zh) if money else Text("", "")
    return Text(f"Cost: {shown}.{so_far.en}", f"花費：{shown}。{so_far.zh}") if shown else money or Text("", "")


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
