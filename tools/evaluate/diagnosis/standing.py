"""How a version's newest evaluation stands against the person's own criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....resources.answer import GoalStatus
from ....resources.evaluation import Evaluation, Measured, Simplest
from ....resources.figures import figure
from ....resources.foundation.language import Text, number_of
from ....resources.task import Task, usual_metric
from ....resources.version import VersionFolder
from ..baseline import BASE_MODEL, fitted_title
from ..metric import known_metrics, metric_title
from ..verified import latest_results


@dataclass(frozen=True)
class Result:
    """One version's newest evaluation, held against the task's present criteria.

    Arguments:
        weakest: the label with the lowest F1; `weakest_rows` how many training rows it had.
        simplest: name, score and outcome (`wins`, `ties`, `loses`) of the best simple baseline.
        before: the parent's value on the same benchmark.
        unmeasured: the metric of the goal, where that evaluation has no value of it; `metric` is the usual one then.
    """

    version: VersionFolder
    metric: str
    value: float
    low: float | None
    high: float | None
    rows: int
    benchmark: str
    standing: GoalStatus
    threshold: float | None
    weakest: str | None
    weakest_f1: float
    weakest_rows: int | None
    invalid_rate: float
    simplest: Simplest | None
    parent: str | None
    before: float | None
    unmeasured: str | None = None


def result_of(task: Task, version: VersionFolder) -> Result | None:
    """The version's newest evaluation, or None where it has none.

    Raises:
        EvaluationError: what is recorded of it does not follow from its answers.
    """
    known = latest_results(version)
    if known is None:
        return None
    evaluation = known.record
    usual = usual_metric(task.type)
    found = headline(evaluation, task.metric) or headline(evaluation, usual)
    if found is None:
        return None
    metric = task.metric if headline(evaluation, task.metric) else usual
    # A goal in one metric says nothing of the value in another.
    threshold = task.success_criteria.threshold if metric == task.metric else None
    per_class = {
        label: float(figures.f1 or 0.0)
        for label, figures in evaluation.per_class.items()
        if figures.support and not figures.too_few
    }
    weakest = min(per_class, key=lambda label: per_class[label]) if len(per_class) > 1 else None
    parent = version.config().parent
    return Result(
        version=version,
        metric=metric,
        value=float(found.value),
        low=found.low,
        high=found.high,
        rows=evaluation.benchmark.count,
        benchmark=evaluation.benchmark.hash,
        standing=_standing(metric, found, threshold),
        threshold=threshold,
        unmeasured=None if metric == task.metric else task.metric,
        weakest=weakest,
        weakest_f1=per_class[weakest] if weakest else 0.0,
        weakest_rows=train_counts(version).get(weakest) if weakest else None,
        invalid_rate=float(rate.value) if (rate := evaluation.find_metric("invalid_rate")) else 0.0,
        simplest=_simplest(evaluation, metric, found.value),
        parent=parent or None,
        before=_value_on(version, parent, metric, evaluation) if parent else None,
    )


def where_it_stands(result: Result) -> Text:
    """The score against the person's own goal, in one sentence or two."""
    title, value, name = metric_title(result.metric), f"{result.value:.3f}", result.version.name
    around = (
        Text("", "")
        if result.low is None or result.high is None
        else Text(f" ({result.low:.2f}–{result.high:.2f})", f"（{result.low:.2f}–{result.high:.2f}）")
    )
    goal = "–" if result.threshold is None else f"{result.threshold:.3f}"
    tail = {
        "met": Text(f": your goal of {goal} is met.", f"，已達到你訂的 {goal}。"),
        "close": Text(
            f": close to your goal of {goal}, within what this test can tell apart.",
            f"，接近你訂的 {goal}，差距在這個測試集分不出來的範圍內。",
        ),
        "gap": Text(f": still short of your goal of {goal}.", f"，離你訂的 {goal} 還有一段距離。"),
        "no_goal": Text(
            "; no threshold is set yet, so only you can say whether that is enough.",
            "；還沒有訂門檻，夠不夠用只有你能決定。",
        ),
    }[result.standing]
    if result.unmeasured:
        tail = Text(
            f"; the metric of your goal, {result.unmeasured}, was not measured, so nothing says whether the goal is met.",
            f"；你的目標看的是 {result.unmeasured}，這次沒有量到，無法判斷是否達標。",
        )
    return Text(
        "{name} reaches {title} {value}{around} on {rows} it has never seen{tail}",
        "{name} 在 {rows} 筆沒看過的資料上，{title} 是 {value}{around}{tail}",
    ).format(name=name, title=title, value=value, around=around, rows=number_of(result.rows, "row"), tail=tail)


def best_of(results: Sequence[Result]) -> Result | None:
    """The best of those measured on the benchmark of the newest one."""
    if not results:
        return None
    comparable = [
        result for result in results if (result.benchmark, result.metric) == (results[-1].benchmark, results[-1].metric)
    ]
    sign = 1 if higher_is_better(results[-1].metric) else -1
    return max(comparable, key=lambda result: (sign * result.value, result.version.number))


def headline(evaluation: Evaluation, metric: str) -> Measured | None:
    """A metric with its interval, `recall.negative` among them; None where it was not measured."""
    return evaluation.find_metric(metric)


def train_counts(version: VersionFolder) -> dict[str, int]:
    """Training rows of each label."""
    return version.data_snapshot().label_counts.get("train") or {}


def higher_is_better(metric: str) -> bool:
    known = known_metrics().get(metric.partition(".")[0])
    return known is None or known.higher_is_better


def _standing(metric: str, found: Measured, threshold: float | None) -> GoalStatus:
    if threshold is None:
        return "no_goal"
    sign = 1 if higher_is_better(metric) else -1
    short_by = sign * (threshold - found.value)
    if short_by <= 0:
        return "met"
    far_edge = found.high if sign > 0 else found.low
    reaches = far_edge is not None and sign * (float(far_edge) - threshold) >= 0
    return "close" if reaches or short_by <= figure("close_gap") else "gap"


def against_the_simplest(result: Result) -> Text | None:
    """The words for a simple baseline that wins or ties; None where the model is ahead."""
    if not result.simplest or result.simplest.outcome == "loses":
        return None
    title, value = fitted_title(result.simplest.name, result.simplest.fitted_on), f"{result.simplest.value:.3f}"
    if result.simplest.outcome == "wins":
        return Text(
            "Honestly: {title} scores {value} on the same rows, trains in seconds and needs no GPU. As it "
            "stands, the simple method is the better choice.",
            "老實說：{title}在同一批資料上得到 {value}，幾秒就訓練好、不需要 GPU。以目前的結果，簡單的方法比較好。",
        ).format(title=title, value=value)
    return Text(
        "It is not shown to beat {title} ({value}).", "還沒有證據顯示它優於最簡單的方法：{title}（{value}）。"
    ).format(title=title, value=value)


def _simplest(evaluation: Evaluation, metric: str, value: float) -> Simplest | None:
    """What the evaluation itself found, else by the plain values of the baselines it recorded."""
    verdict = evaluation.verdict
    if verdict.simplest and (verdict.metric or metric) == metric:
        return verdict.simplest
    known = {
        name: found
        for name, figures in evaluation.baselines.items()
        if name != BASE_MODEL and (found := figures.value(metric)) is not None
    }
    if not known:
        return None
    name = max(known, key=lambda one: known[one])
    outcome = "wins" if known[name] >= value else "loses"
    return Simplest(name=name, value=known[name], outcome=outcome, fitted_on=evaluation.baselines[name].fitted_on)


def _value_on(version: VersionFolder, parent: str, metric: str, evaluation: Evaluation) -> float | None:
    if not parent.startswith("v") or not parent[1:].isdigit():
        return None
    earlier = VersionFolder(version.task, int(parent[1:])).latest_evaluation(evaluation.benchmark.hash)
    found = headline(earlier, metric) if earlier else None
    return float(found.value) if found else None
