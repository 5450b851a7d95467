"""Tasks side by side: goal, data, best score, cost; and whether their scores may be ranked at all."""

from __future__ import annotations

from collections.abc import Sequence

from ...resources.answer import NextStep
from ...resources.foundation.errors import TaskError
from ...resources.foundation.files import read_json
from ...resources.foundation.language import SENTENCES, Text
from ...resources.promotion import current_version
from ...resources.score import Best, best_version, lower_is_better, reaches
from ...resources.snapshot import SnapshotManifest
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version_numbers
from ...resources.workspace import Workspace
from ..evaluate.metric import metric_title
from .answers import Column, Comparison

MOST = 5


def compare_tasks(workspace: Workspace, names: Sequence[str]) -> Comparison:
    """The named tasks side by side.

    Raises:
        TaskError: fewer than two, more than `MOST`, or one that does not exist.
    """
    folders = list(dict.fromkeys(workspace.task(name).root for name in names))
    if not 2 <= len(folders) <= MOST:
        raise TaskError(
            Text(f"Two to {MOST} different tasks are compared at a time.", f"一次比較 2 到 {MOST} 個不同的任務。"),
            Text('Call list_tasks(compare=["one", "other"]).', '請呼叫 list_tasks(compare=["甲", "乙"])。'),
            field="compare",
        )
    columns = [_column(TaskFolder(root)) for root in folders]
    measured = [column for column in columns if column.best_score is not None]
    rankable = len(measured) == len(columns) and len({(one.metric, one.benchmark_hash) for one in columns}) == 1
    return Comparison(tasks=columns, rankable=rankable, verdict=str(_verdict(columns, rankable)))


def next_of(comparison: Comparison) -> NextStep:
    """Carry on with the task that is furthest from its own goal; the coach knows how."""
    behind = [one for one in comparison.tasks if one.met is not True]
    say = Text("Ask which of them to carry on with.", "請詢問要繼續哪一個任務。")
    return NextStep(say=str(say), tool="coach", arguments={"task": behind[0].task} if len(behind) == 1 else {})


def _column(folder: TaskFolder) -> Column:
    task = folder.load()
    criteria = task.success_criteria
    versions = [VersionFolder(folder, number) for number in version_numbers(folder)]
    seconds = sum(float(version.model_info().training.seconds or 0.0) for version in versions)
    column = Column(
        task=folder.name,
        title=task.title,
        type=task.type,
        language=task.language,
        labels=len(task.labels),
        state=folder.state(),
        metric=task.metric,
        threshold=criteria.threshold,
        baseline=criteria.baseline,
        rows=_rows(folder),
        versions=len(versions),
        current=current_version(folder),
        deployed=folder.deployed_version(),
        training_seconds=round(seconds, 1),
    )
    if best := best_version(folder, task.metric):
        _fill_best(folder, column, best)
    return column


def _fill_best(folder: TaskFolder, column: Column, best: Best) -> None:
    benchmark, found = best.evaluation.benchmark, best.evaluation.metrics.get(column.metric)
    config = VersionFolder(folder, int(best.version[1:])).config()
    column.best_version, column.best_score = best.version, round(best.score, 4)
    column.interval = [found.low, found.high] if found and found.low is not None and found.high is not None else None
    column.met = None if column.threshold is None else reaches(column.metric, best.score, column.threshold)
    column.benchmark, column.benchmark_hash = benchmark.name, benchmark.hash[:12]
    column.benchmark_rows = benchmark.count
    column.base_model = config.base_model or None


def _rows(folder: TaskFolder) -> dict[str, int]:
    current = folder.data / "current.json"
    if not current.is_file():
        return {}
    manifest = folder.snapshots / str(read_json(current)["hash"])[:12] / "manifest.json"
    return SnapshotManifest.read_if_there(manifest).counts


def _verdict(columns: list[Column], rankable: bool) -> Text:
    parts = [_against_goal(column) for column in columns]
    if rankable:
        best_first = sorted(
            columns, key=lambda one: one.best_score or 0.0, reverse=not lower_is_better(columns[0].metric)
        )
        ordered = ", ".join(f"{one.task} {one.best_score:.3f}" for one in best_first)
        parts.append(
            Text(
                "They were measured on the same benchmark in {metric}: {ordered}. Whether a gap is more than chance is not "
                "tested across tasks.",
                "它們用同一個評估基準、同一個指標（{metric}）量測：{ordered}。跨任務沒有檢定，差距是否只是運氣未知。",
            ).format(metric=metric_title(columns[0].metric), ordered=ordered)
        )
    else:
        parts.append(
            Text(
                "Their scores come from different rows or metrics, or are missing, so they cannot be ranked against each "
                "other: 0.80 on one may be harder than 0.90 on the other. Compare each with its own goal.",
                "它們的分數來自不同的資料或指標，或還沒有分數，因此不能互相排名：這邊的 0.80 可能比那邊的 0.90 更難。"
                "請各自和自己的目標比。",
            )
        )
    return SENTENCES.join(parts)


def _against_goal(column: Column) -> Text:
    name, title = column.task, metric_title(column.metric)
    if column.best_score is None:
        return Text(f"{name}: nothing is measured yet.", f"{name}：還沒有評估結果。")
    measured = Text("{name}: {title} {score}", "{name}：{title} {score}").format(
        name=name, title=title, score=f"{column.best_score:.3f}"
    )
    if column.threshold is None:
        return measured + Text(", no goal set.", "，尚未設定目標。")
    goal = f"{column.threshold:.3f}"
    if column.met:
        return measured + Text(f", its goal of {goal} is met.", f"，已達目標 {goal}。")
    gap = abs(column.threshold - column.best_score)
    return measured + Text(f", {gap:.3f} short of its goal of {goal}.", f"，距離目標 {goal} 還差 {gap:.3f}。")
