"""What can be measured at all: labels that a benchmark, the task or a version does not share, and goals above the best there is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from ...resources.foundation.errors import DataError, EvaluationError
from ...resources.foundation.language import Text, several
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder
from ..data.benchmark import MAIN, Benchmark, benchmark_names, frozen_benchmark, lost_labels, name_in_use
from ..data.labelling.standing import concerns, load_labelling
from ..data.prompting import gold_of
from ..data.snapshot import last_report
from ..data.task_kind import kind_of
from .metric import Answered, answers_of, check_metric, metric_title
from .significance import Scores

_FEWEST_JUDGED_TWICE = 30  # rows: with fewer, how often two people agree is chance


def check_labels(task: TaskFolder, benchmark: Benchmark) -> None:
    """Raise `EvaluationError` where rows of the benchmark have labels that the task no longer has."""
    lost = lost_labels(benchmark, task.load().labels)
    if not lost:
        return
    en, zh = _describe_lost(lost)
    in_use = name_in_use(task)
    raise EvaluationError(
        Text(
            f"The benchmark {benchmark.name} has labels that the task no longer has: {en}. Every answer to those rows would "
            "count as wrong, whatever the model says.",
            f"評估基準 {benchmark.name} 有任務已經沒有的標籤：{zh}。不論模型怎麼回答，這些列都會算錯。",
        ),
        Text(
            f"Use the benchmark {in_use}, or bring the label back with update_task.",
            f"請改用評估基準 {in_use}，或用 update_task 把標籤加回來。",
        )
        if benchmark.name != in_use
        else Text(
            "Call prepare_data: the benchmark takes the labels that the data has now (the source's label_values says "
            "what an old label means), and its previous form is kept. Or bring the label back with update_task.",
            "請呼叫 prepare_data：評估基準會改用資料現在的標籤（舊標籤的意思寫在來源的 label_values），原版會保留。"
            "也可以用 update_task 把標籤加回來。",
        ),
        field="benchmark",
    )


def check_version(version: VersionFolder, benchmark: Benchmark, definition: Task) -> None:
    """Raise `EvaluationError` where the version answers with labels that are called otherwise in the benchmark now."""
    if not (stale := renamed_labels(version, benchmark, definition)):
        return
    en = ", ".join(f"{label} → {' / '.join(names)}" for label, names in stale.items())
    zh = "、".join(f"{label} → {' / '.join(names)}" for label, names in stale.items())
    raise EvaluationError(
        Text(
            f"{version.name} answers with labels that the task has changed since: {en}. On benchmark {benchmark.name} as it is "
            "now each such answer would count as wrong.",
            f"{version.name} 會用任務已改掉的標籤回答：{zh}。在現在的評估基準 {benchmark.name} 上，這些回答都會算錯。",
        ),
        Text(
            "Train a new version with the labels of today. Earlier results remain valid for the benchmark as it was "
            "then; they are not comparable with today's.",
            "請用現在的標籤訓練新版本。之前量的結果仍在，屬於當時的評估基準，不能和現在的分數相比。",
        ),
        field="version",
    )


def renamed_labels(version: VersionFolder, benchmark: Benchmark, definition: Task) -> dict[str, list[str]]:
    """The labels that the version answers with and that are called otherwise in the benchmark now."""
    known = version.model_info().labels if version.number else ()
    changes = {label: list(names) for change in benchmark.changes for label, names in change.labels.items()}
    return {label: changes[label] for label in known if changes.get(label) and label not in definition.labels}


def goal_beyond_reach(task: TaskFolder, definition: Task) -> list[Text]:
    """What keeps the goal of the task out of reach, whatever is trained: its labels, rows that contradict each other,
    people who do not agree."""
    goal = definition.success_criteria.threshold
    if goal is None or answers_of(definition.type) != "label":
        return []
    title = metric_title(definition.metric)
    return [
        Text(
            "The goal, {title} {goal:g}, cannot be reached: {why} The best possible is {limit:.2f}. Fix "
            "that, or set the goal below it (update_task).",
            "目標「{title} {goal:g}」達不到：{why}最高只會到 {limit:.2f}。請先處理，或用 update_task 把目標訂低一點。",
        ).format(title=title, goal=goal, why=why, limit=limit)
        for limit, why in _limits(task, definition)
        if round(limit, 4) < goal
    ]


def _limits(task: TaskFolder, definition: Task) -> Iterator[tuple[float, Text]]:
    """The best figure there can be in the task's metric, and why, by each thing that bounds it."""
    bounds: list[Callable[[TaskFolder, Task], Iterator[tuple[float, Text]]]] = [_by_labels]
    if definition.metric in ("accuracy", "macro_f1", "weighted_f1"):  # what about one answer in so many bounds
        bounds += [_by_contradictions, _by_agreement]
    for found in bounds:
        with contextlib.suppress(DataError, EvaluationError):  # said where those files or the metric are used
            yield from found(task, definition)


def _by_labels(task: TaskFolder, definition: Task) -> Iterator[tuple[float, Text]]:
    """What somebody would get who is always right, where one of the task's labels can be."""
    if MAIN not in benchmark_names(task):
        return
    benchmark = frozen_benchmark(task)
    lost = lost_labels(benchmark, definition.labels)
    name, labels = benchmark.name, list(dict.fromkeys([*definition.labels, *lost]))
    metric, label = check_metric(definition.metric, labels)
    if lost and metric.higher_is_better:
        right = [
            Answered(gold_of(row), gold_of(row) if lost.keys().isdisjoint(kind_of(row).labels_of(row)) else None)
            for row in benchmark.rows()
        ]
        best = Scores([right], labels).values({"it": metric}, 0)["it"][labels.index(label) if label else 0]
        en, zh = _describe_lost(lost)
        yield (
            best,
            Text(
                f"{en} of the {benchmark.count} of benchmark {name} have a label that the task no longer has.",
                f"評估基準 {name} 的 {benchmark.count} 列裡，{zh}的標籤任務已經沒有了。",
            ),
        )
    elif label and label not in benchmark.label_counts:
        yield (
            0.0,
            Text(
                f"no row of benchmark {name} has the label {label}.", f"評估基準 {name} 裡沒有標籤是「{label}」的列。"
            ),
        )


def _by_contradictions(task: TaskFolder, _: Task) -> Iterator[tuple[float, Text]]:
    """Of an input with two labels that both were let stand, every second answer is right at best."""
    report = last_report(task)
    accepted = report.accepted if report else []
    if report and (twice := sum(found.count for found in accepted if found.code == "conflicting_labels")):
        rows = report.figures.rows
        yield (
            1 - twice / (2 * rows),
            Text(
                f"{several(twice, 'input')} of {rows} carry two different labels, so half of the answers to them are "
                f"wrong.",
                f"{rows} 筆裡有 {twice} 筆相同的輸入標了兩種標籤，回答這些平均會錯一半。",
            ),
        )


def _by_agreement(task: TaskFolder, _: Task) -> Iterator[tuple[float, Text]]:
    if not concerns(task):
        return
    pairs = (load_labelling(task).figures().get("agreement") or {}).get("reviewers", {})
    count = sum(pair["rows"] for pair in pairs.values())
    if count < _FEWEST_JUDGED_TWICE:
        return
    alike = sum(pair["rows"] * pair["agreement"] for pair in pairs.values()) / count
    yield (
        alike,
        Text(
            f"the people who label agree with each other on {alike:.0%} of {count} rows, and a model that learns from them cannot be "
            "shown to be better than that.",
            f"標註的人彼此在 {count} 列裡只有 {alike:.0%} 一致，跟著他們學的模型無法證明比這更好。",
        ),
    )


def _describe_lost(lost: dict[str, int]) -> tuple[str, str]:
    return (
        ", ".join(f"{label} ({several(count, 'row')})" for label, count in lost.items()),
        "、".join(f"{label}（{count} 列）" for label, count in lost.items()),
    )
