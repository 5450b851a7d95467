"""One model's answers measured: every metric that fits them with its interval, the figures by label, and how two compare.

A metric that a package or a file adds may fail: its reason stands in place of its value, and all other figures stand.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NotRequired, TypedDict, TypeVar

from ...resources.evaluation import Evaluation
from ...resources.foundation.errors import PluginError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.kinds import is_stand_in
from ...resources.foundation.language import Text
from ..data.rows import Row
from ..data.split import SKELETON, group_keys
from ..data.store import Snapshot
from ..data.task_kind import Answers, kind_of
from .intervals import Interval
from .metric import FEWEST_ROWS, METRICS, Answered, Metric, check_metric, count_answers, metrics_for, parts_of
from .significance import Difference, Scores

INVALID = "(invalid)"
FORMULA = (
    1  # counts up when the same answers come to give other figures, so that older records are not taken for forged
)
Taken = TypeVar("Taken")


class FigureFields(TypedDict):
    """One measure with its 95 % interval, as `results.json` has it; see `resources.evaluation.Figure`."""

    value: float
    low: float
    high: float
    left_out: NotRequired[dict[str, int]]
    too_few: NotRequired[dict[str, int]]


class ConfusionFields(TypedDict):
    """How often rows of each label were answered with each."""

    labels: list[str]
    predicted: list[str]
    matrix: list[list[int]]


class Figures(TypedDict):
    """What was measured of one model's answers, as `results.json` has it.

    `per_class` has for each label its figures by metric (names of metrics are a kind's own), `support` and `intervals`.
    `not_measured` has for each metric that failed why, in both languages.
    """

    metrics: dict[str, FigureFields]
    per_class: dict[str, JsonObject]
    confusion: NotRequired[ConfusionFields]
    not_measured: NotRequired[dict[str, dict[str, str]]]


class BaselineFields(TypedDict):
    """What the record says of a baseline beside the value of each metric by its name."""

    intervals: dict[str, list[float]]
    fitted_on: NotRequired[dict[str, object]]


def measure_answers(
    kind: Answers, answers: Sequence[Answered], labels: Sequence[str], groups: Sequence[str] | None
) -> Figures:
    """`metrics` with 95 % intervals and `per_class` figures of one model's answers; of labels also the `confusion`
    matrix.

    Arguments:
        kind: what the answers are, which decides the metrics.
    """
    labels = measured_classes(kind, labels)
    scores = Scores([answers], labels, groups)
    intervals, failed = take_each(kind, answers, labels, scores.intervals)
    known = metrics_for(kind)
    support = Counter(label for row in answers for label, _ in parts_of(row.gold))
    per_class: dict[str, JsonObject] = {}
    for place, label in enumerate(labels):
        figures = {name: found[place] for name, found in intervals.items() if known[name].per_class}
        few = support[label] < FEWEST_ROWS
        per_class[label] = {
            **{name: round(one.value, 6) for name, one in figures.items()},
            "support": support[label],
            **({"too_few": True, **_counts(answers, label)} if few else {}),
            "intervals": {}
            if few
            else {name: [round(one.low, 6), round(one.high, 6)] for name, one in figures.items()},
        }
    measured: Figures = {
        "metrics": {name: _fields(found[0]) for name, found in intervals.items() if not known[name].per_class},
        "per_class": per_class,
    }
    if kind == "label":
        if thin := {label: support[label] for label in labels if support[label] < FEWEST_ROWS}:
            enough = len(labels) - len(thin) > 1
            measured["metrics"]["macro_f1"]["left_out" if enough else "too_few"] = thin
        counts = count_answers([row.gold for row in answers], [row.answer for row in answers], labels)
        measured["confusion"] = {"labels": list(labels), "predicted": [*labels, INVALID], "matrix": counts}
    if failed:
        measured["not_measured"] = {name: why._asdict() for name, why in failed.items()}
    return measured


def take_each(
    kind: Answers,
    answers: Sequence[Answered],
    labels: Sequence[str],
    take: Callable[[Mapping[str, Metric]], Mapping[str, list[Taken]]],
) -> tuple[dict[str, list[Taken]], dict[str, Text]]:
    """The figures of each metric that fits the answers, and why there is none for each added one that fails.

    Arguments:
        take: gives the figures of metrics by name: `Scores.intervals` or `Scores.values`.

    Raises:
        Exception: whatever a metric of ours raises.
    """
    taken: dict[str, list[Taken]] = {}
    failed: dict[str, Text] = {}
    added = METRICS.origins()
    for name, metric in metrics_for(kind).items():
        if is_stand_in(metric):
            continue
        try:
            if metric.applies(answers):
                figures = take({name: metric})[name]
                if name in added:
                    check_figures(figures, metric, labels)
                taken[name] = figures
        except UnusableFigures as error:
            failed[name] = Text(
                "{name} of {origin} gave no figure: {why}.", "{origin}的 {name} 沒有給出分數：{why}。"
            ).format(name=name, origin=added[name], why=error.why)
        except PluginError as error:
            failed[name] = error.problem
        except (Exception, SystemExit) as error:  # whatever a stranger's metric raises
            if (refused := METRICS.failed(type(metric), error)) is None:
                raise
            failed[name] = refused.problem
    return taken, failed


def baseline_figures(
    metric: str,
    kind: Answers,
    answers: Sequence[Answered],
    labels: Sequence[str],
    groups: Sequence[str] | None,
    snapshot: Snapshot | None,
) -> Mapping[str, object]:
    """What a record says of a baseline: each metric's value and its interval.

    Arguments:
        metric: the task's; one of a label stands beside the others under its whole name.
        snapshot: whose training rows it was fitted on, if it was.
    """
    figures = measure_answers(kind, answers, labels, groups)
    goal = Evaluation.model_validate(figures).find_metric(metric)
    fields: BaselineFields = {
        "intervals": {name: [found["low"], found["high"]] for name, found in figures["metrics"].items()}
    }
    if snapshot:
        fields["fitted_on"] = {"rows": snapshot.counts["train"], "snapshot": snapshot.hash}
    values = {name: found["value"] for name, found in figures["metrics"].items()}
    return {**values, **({metric: goal.value} if goal else {}), **fields}


def paired_differences(
    name: str,
    kind: Answers,
    others: Mapping[str, Sequence[Answered]],
    answers: Sequence[Answered],
    labels: Sequence[str],
    groups: Sequence[str] | None,
) -> dict[str, Difference]:
    """How far `answers` are ahead of each of the others in the metric (above 0: better, whichever way it counts); none
    where an added metric fails."""
    metric, label = check_metric(name, labels, kind)
    labels = measured_classes(kind, labels)
    place = labels.index(label) if label else 0
    found: dict[str, Difference] = {}
    for other, given in others.items():
        scores = Scores([given, answers] if metric.higher_is_better else [answers, given], labels, groups)
        try:
            difference = scores.differences({name: metric})[name][place]
        except (Exception, SystemExit) as error:  # said where its value is missing
            if isinstance(error, PluginError) or METRICS.failed(type(metric), error):
                continue
            raise
        if math.isfinite(difference.value):
            found[other] = difference
    return found


def measured_classes(kind: Answers, labels: Sequence[str]) -> list[str]:
    """The labels of figures by label, each once; none where the answers have no labels."""
    return list(dict.fromkeys(labels)) if kind in ("label", "spans") else []


def measured_labels(known: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The labels figures are told of: those known, then others that stand in the rows."""
    return list(dict.fromkeys([*known, *(label for row in rows for label in kind_of(row).labels_of(row))]))


def row_groups(rows: Sequence[Row], group_by: str | None) -> list[str]:
    """Which rows belong together, as the split had it: by skeleton or column, else by their text."""
    known = group_by == SKELETON or any(group_by in row for row in rows)
    return group_keys(rows, group_by if known else None)


class UnusableFigures(Exception):
    """What a metric gave is no figure."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


def check_figures(figures: object, metric: Metric, labels: Sequence[str]) -> None:
    """Nothing, where each figure is a number and there are as many as the metric has.

    Arguments:
        figures: intervals, or values alone.

    Raises:
        UnusableFigures: they are not.
    """
    wanted = len(labels) if metric.per_class else 1
    if not isinstance(figures, list | tuple) or len(figures) != wanted:
        raise UnusableFigures(Text(f"a list of length {wanted} was expected", f"應該是長度 {wanted} 的清單"))
    for one in figures:
        for value in (one.value, one.low, one.high) if isinstance(one, Interval) else (one,):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                shown = repr(value) if isinstance(value, float) else type(value).__name__
                raise UnusableFigures(Text(f"{shown} is not a number between 0 and 1", f"{shown} 不是 0 到 1 的數字"))


def _fields(figure: Interval) -> FigureFields:
    return {"value": round(figure.value, 6), "low": round(figure.low, 6), "high": round(figure.high, 6)}


def _counts(answers: Sequence[Answered], label: str) -> dict[str, int]:
    """Of a label with few rows: how many were right, and how many answers named it."""
    gold, said = (
        [{part for part in parts_of(one) if part[0] == label} for one in column]
        for column in zip(*((row.gold, row.answer) for row in answers), strict=True)
    )
    return {
        "right": sum(len(one & other) for one, other in zip(gold, said, strict=True)),
        "answered": sum(len(one) for one in said),
    }
