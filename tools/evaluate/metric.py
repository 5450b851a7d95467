"""What a metric is, and which ones stand: one file each in `metrics/`, named after the metric.

Every metric is a function of sums over the rows: what it counts of each row is counted once, and its value, its
interval and its difference between two models follow from the sums and from how the rows add to them.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict

from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.kinds import Registry, is_stand_in
from ...resources.foundation.language import Text
from ...resources.foundation.wording import nearest
from ...resources.task import TaskType
from ..data.task_kind import Answers, task_kind
from .intervals import Counted, Counts, Interval, mean_bounds, share_bounds, weigh, wider_wilson, wilson

FEWEST_ROWS = 6  # of a label, below which its figures say next to nothing; simulated in benchmarks/interval_coverage.py


@dataclass(frozen=True)
class Answered:
    """One row's answer as a metric sees it.

    Arguments:
        gold: what should have been answered, in the form answers are compared in.
        answer: what was, in the same form; None where it is no answer of its kind.
        raw: as it was written; None where nothing was.
        margin: of a pair by how much the chosen answer was held likelier than the rejected one (mean log-likelihood
            of a token); None where nobody asked.
    """

    gold: str
    answer: str | None
    raw: str | None = ""
    margin: float | None = None


class Metric(BaseModel, ABC):
    """One way to score answers. A subclass stands alone in a file whose name is the metric's.

    `answers` are the kinds of answer it fits, `explained` is what a reader of figures needs to know. Metrics of one
    `family` count the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[Text]
    explained: ClassVar[Text | None] = None
    answers: ClassVar[tuple[Answers, ...]] = ("label",)
    family: ClassVar[str] = ""
    per_class: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True
    verifiable: ClassVar[bool] = False  # a program can tell whether a written answer is right, so a reward can

    def applies(self, answers: Sequence[Answered]) -> bool:
        """Whether these answers can be measured by it."""
        return True

    @abstractmethod
    def tally(self, answers: Sequence[Answered], labels: Sequence[str]) -> list[Counts]:
        """What is counted of each answer, by column."""

    @abstractmethod
    def columns(self, labels: int) -> int:
        """How many columns a tally over so many labels has."""

    @abstractmethod
    def measure(self, sums: Sequence[float]) -> list[float]:
        """Score summed counts, in 0–1: one figure, or one for each label where it is `per_class`."""

    @abstractmethod
    def intervals(self, found: Counted) -> list[Interval]:
        """Those figures with their 95 % intervals."""


class Share(NamedTuple):
    """Σ hits / Σ of, each a weighing of columns."""

    hits: Counts
    of: Counts


class RatioMetric(Metric):
    """A metric whose figures are shares of something counted, or a rising function of such a share."""

    @abstractmethod
    def shares(self, columns: int) -> list[Share]:
        """What is counted over what: of all rows, or by label."""

    def curve(self, share: float) -> float:
        """The figure that a share stands for."""
        return share

    def bounds(self, share: float, rows: float) -> tuple[float, float]:
        """The 95 % interval of a share of so many rows."""
        return wilson(share, rows)

    def measure(self, sums: Sequence[float]) -> list[float]:
        known = dict(enumerate(sums))
        return [self.curve(ratio(weigh(share.hits, known), weigh(share.of, known))) for share in self.shares(len(sums))]

    def intervals(self, found: Counted) -> list[Interval]:
        bounds = [share_bounds(found, *share, self.bounds) for share in self.shares(len(found.sums))]
        return [
            Interval(value, self.curve(low), self.curve(high))
            for value, (low, high) in zip(self.measure(found.sums), bounds, strict=True)
        ]


class F1Metric(RatioMetric):
    """F1, by what is right of all that is of the class or was answered with it: that is a share, and F1 rises with it."""

    def curve(self, share: float) -> float:
        return 2 * share / (1 + share)

    def bounds(self, share: float, rows: float) -> tuple[float, float]:
        return wider_wilson(share, rows)


class MeanMetric(Metric):
    """A metric with one figure that is no share of anything counted, such as a mean of other figures."""

    @abstractmethod
    def wrong_row(self, found: Counted) -> list[tuple[float, Counts]]:
        """(weight, counts) that together are one more row like these, answered wrongly."""

    def intervals(self, found: Counted) -> list[Interval]:
        low, high = mean_bounds(found, lambda sums: self.measure(sums)[0], self.wrong_row(found))
        [value] = self.measure(found.sums)
        return [Interval(value, min(low, value), max(high, value))]


class ClassMetric(Metric):
    """A metric of what was found of each class: a row's label, or the distinct parts of a text by their type.

    Each class has three columns: right, of the class, answered with the class; the last class holds types that the
    task does not know. An answer that is none is of no class, and so wrong.
    """

    answers: ClassVar[tuple[Answers, ...]] = ("label",)
    family: ClassVar[str] = "classes"

    def columns(self, labels: int) -> int:
        return 3 * (labels + 1)

    def tally(self, answers: Sequence[Answered], labels: Sequence[str]) -> list[Counts]:
        place = {label: number for number, label in enumerate(labels)}
        found: list[Counts] = []
        for row in answers:
            gold, said = parts_of(row.gold), parts_of(row.answer)
            numbers: dict[int, float] = {}
            for kind, parts in enumerate((gold & said, gold, said)):
                for label, _ in parts:
                    column = 3 * place.get(label, len(labels)) + kind
                    numbers[column] = numbers.get(column, 0) + 1
            found.append(numbers)
        return found


class MeanOfClasses(ClassMetric, MeanMetric):
    """A weighted mean of the labels' F1."""

    @abstractmethod
    def weights(self, sums: Sequence[float]) -> list[float]:
        """What each label weighs."""

    def measure(self, sums: Sequence[float]) -> list[float]:
        weights = self.weights(sums)
        scores = [ratio(2 * sums[at], sums[at + 1] + sums[at + 2]) for at in range(0, len(sums) - 3, 3)]
        return [ratio(sum(weight * score for weight, score in zip(weights, scores, strict=True)), sum(weights))]

    def wrong_row(self, found: Counted) -> list[tuple[float, Counts]]:
        """One row, spread over the pairs of two labels as often as such pairs would be drawn."""
        rows = {at: found.sums[at + 1] for at in range(0, len(found.sums) - 3, 3) if found.sums[at + 1]}
        pairs = {(one, other): rows[one] * rows[other] for one in rows for other in rows if one != other}
        total = sum(pairs.values())
        return (
            [(weight / total, {one + 1: 1, other + 2: 1}) for (one, other), weight in pairs.items()]
            if total
            else [(1.0, {at + 1: 1}) for at in rows]
        )


class ShareMetric(RatioMetric):
    """The share of rows of which something holds."""

    @abstractmethod
    def holds(self, row: Answered) -> bool:
        """Whether it holds of the row."""

    def columns(self, labels: int) -> int:
        return 2

    def tally(self, answers: Sequence[Answered], labels: Sequence[str]) -> list[Counts]:
        return [{0: 1, 1: 1} if self._holds_surely(row) else {1: 1} for row in answers]

    def _holds_surely(self, row: Answered) -> bool:
        """What `holds` says, taken for nothing but True or False (NumPy's too).

        Raises:
            TypeError: it says something else, which would count as true or false by accident.
        """
        held = self.holds(row)
        if isinstance(held, bool) or type(held).__name__ in ("bool", "bool_"):
            return bool(held)
        raise TypeError(f"holds gave {held!r:.60}, not True or False")

    def shares(self, columns: int) -> list[Share]:
        return [Share({0: 1}, {1: 1})]


METRICS = Registry(f"{__package__}.metrics", Metric, Text("metric", "個指標"), EvaluationError, group="metrics")


def known_metrics() -> dict[str, Metric]:
    """Every metric with its default settings, by name (the name of its file, or what a package calls it)."""
    return METRICS.instances()


def metrics_for(answers: Answers, rows: Sequence[Answered] | None = None) -> dict[str, Metric]:
    """The metrics that fit answers of a kind, by name; where rows are given, those that can measure them."""
    return {
        name: metric
        for name, metric in known_metrics().items()
        if answers in metric.answers and (rows is None or (not is_stand_in(metric) and metric.applies(rows)))
    }


def answers_of(task_type: TaskType) -> Answers:
    """What a task's answers are, and so which metrics fit it."""
    return task_kind(task_type).answers


def fits(name: str, answers: Answers, labels: Sequence[str] | None) -> bool:
    """Whether `macro_f1` or `recall.negative` is a metric of such answers; without labels any label will do."""
    kind, _, label = name.partition(".")
    metric = metrics_for(answers).get(kind)
    if metric is None or metric.per_class != bool(label):
        return False
    return not label or labels is None or label in labels


def suggest_metrics(name: str, answers: Answers, labels: Sequence[str], most: int) -> list[str]:
    """The nearest metrics to what was asked for, else all that fit."""
    known = metrics_for(answers)
    every = [other for other, found in known.items() if not found.per_class]
    every += [f"{other}.{one}" for other, found in known.items() if found.per_class for one in labels]
    return nearest(name, every, most, cutoff=0.5) or every


def check_metric(
    name: str, labels: Sequence[str], answers: Answers = "label", field: str = "success_criteria.metric"
) -> tuple[Metric, str | None]:
    """The metric of that name: `macro_f1`, or a per-class one with its label, `recall.negative`.

    Arguments:
        answers: what the task's answers are.

    Returns:
        the metric, and the label it is about (None for one over all labels).

    Raises:
        EvaluationError: there is no such metric or label, or it does not fit such answers; others are offered.
    """
    kind, _, label = name.partition(".")
    METRICS.get(kind, field)  # says what brings one that is missing here, and asks where nobody has agreed to a file
    if fits(name, answers, labels):
        return known_metrics()[kind], label or None
    near = suggest_metrics(name, answers, labels, 3)
    raise EvaluationError(
        Text(f"{name[:60]!r} is not a metric of this task.", f"「{name[:60]}」不是這個任務可用的指標。"),
        Text(f"Use one of: {', '.join(near)}.", f"可用的指標：{'、'.join(near)}。"),
        field=field,
    )


def metric_title(name: str) -> Text:
    """The metric's name for people: `macro_f1` → macro-F1, `recall.負面` → recall of 負面."""
    kind, _, label = name.partition(".")
    metric = known_metrics().get(kind)
    title = metric.title if metric else Text(kind, kind)
    return Text("{title} of {label}", "「{label}」的{title}").format(title=title, label=label) if label else title


def parts_of(answer: str | None) -> set[tuple[str, str]]:
    """The distinct (type, part) pairs of spans in their compared form; a label is one pair of itself."""
    if answer is None:
        return set()
    if not answer.startswith("{"):
        return {(answer, "")}
    try:
        found = json.loads(answer)
        return {(str(kind), str(part)) for kind, parts in found.items() for part in parts}
    except (ValueError, AttributeError, TypeError):  # a label may begin like that
        return {(answer, "")}


def counted_labels(rows: Sequence[float]) -> list[bool]:
    """Which labels a mean over labels counts, by how many rows each has: those with six or more, where two have them."""
    enough = [count > FEWEST_ROWS - 1 for count in rows]  # sums may lie a step beside a whole number
    return enough if sum(enough) > 1 else [count > 0.5 for count in rows]


def count_answers(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> list[list[int]]:
    """For each label how often its rows got each label; an answer that is not a label falls in the last column."""
    place = {label: number for number, label in enumerate(labels)}
    counts = [[0] * (len(labels) + 1) for _ in labels]
    for wanted, said in zip(gold, predicted, strict=True):
        counts[place[wanted]][place.get(said, len(labels)) if said is not None else len(labels)] += 1
    return counts


def ratio(numerator: float, denominator: float) -> float:
    """numerator / denominator, 0 where the denominator is 0."""
    return numerator / denominator if denominator else 0.0
