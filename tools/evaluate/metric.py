"""What a metric is, and which ones stand: one file each in `metrics/`, named after the metric.

Every metric is a function of sums over the rows: what it counts of each row is counted once, and ten thousand draws
of the rows are then measured in one vectorised call.
"""

from __future__ import annotations

import difflib
import itertools
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict

from ...resources.errors import EvaluationError
from ...resources.kinds import kinds_in
from ...resources.language import Text
from ...resources.task import TaskType
from ..data.types import Answers, task_kind

if TYPE_CHECKING:
    import numpy

    Array: TypeAlias = numpy.ndarray[Any, Any]


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


@dataclass(frozen=True)
class Tally:
    """What was counted of each row.

    Arguments:
        rows: (rows, numbers), a sparse matrix of SciPy's.
        shape: in which the numbers of one row, or of a sum of rows, are measured.
    """

    rows: Any
    shape: tuple[int, ...]


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

    def applies(self, answers: Sequence[Answered]) -> bool:
        """Whether these answers can be measured by it."""
        return True

    @abstractmethod
    def tally(self, answers: Sequence[Answered], labels: Sequence[str]) -> Tally:
        """What is counted of each answer."""

    @abstractmethod
    def measure(self, sums: Array) -> Array:
        """Score summed counts.

        Arguments:
            sums: (…, *the tally's shape).

        Returns:
            (…) in 0–1, or (…, labels) for a metric with `per_class`.
        """


class ClassMetric(Metric):
    """A metric of what was found of each class: a row's label, or the distinct parts of a text by their type.

    The sums are (…, classes + 1, 3): right, of the class, answered with the class; the last class holds types that
    the task does not know. An answer that is none is of no class, and so wrong.
    """

    answers: ClassVar[tuple[Answers, ...]] = ("label",)
    family: ClassVar[str] = "classes"

    def tally(self, answers: Sequence[Answered], labels: Sequence[str]) -> Tally:
        place = {label: number for number, label in enumerate(labels)}
        counted = []
        for row in answers:
            gold, said = parts_of(row.gold), parts_of(row.answer)
            numbers: dict[int, int] = {}
            for kind, parts in enumerate((gold & said, gold, said)):
                for label, _ in parts:
                    column = 3 * place.get(label, len(labels)) + kind
                    numbers[column] = numbers.get(column, 0) + 1
            counted.append(numbers)
        return tallied(counted, (len(labels) + 1, 3))


class ShareMetric(Metric):
    """The share of rows of which something holds."""

    @abstractmethod
    def holds(self, row: Answered) -> bool:
        """Whether it holds of the row."""

    def tally(self, answers: Sequence[Answered], labels: Sequence[str]) -> Tally:
        return tallied([{0: int(self.holds(row)), 1: 1} for row in answers], (2,))

    def measure(self, sums: Array) -> Array:
        return ratio(sums[..., 0], sums[..., 1])


@cache
def known_metrics() -> dict[str, Metric]:
    """Every metric with its default settings, by name (the name of its file)."""
    from . import metrics as folder

    return {name: kind() for name, kind in kinds_in(folder.__name__, Metric).items()}


def metrics_for(answers: Answers, rows: Sequence[Answered] | None = None) -> dict[str, Metric]:
    """The metrics that fit answers of a kind, by name; where rows are given, those that can measure them."""
    return {name: metric for name, metric in known_metrics().items()
            if answers in metric.answers and (rows is None or metric.applies(rows))}


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


def offered(name: str, answers: Answers, labels: Sequence[str], most: int) -> list[str]:
    """The nearest metrics to what was asked for, else all that fit."""
    known = metrics_for(answers)
    every = [other for other, found in known.items() if not found.per_class]
    every += [f"{other}.{one}" for other, found in known.items() if found.per_class for one in labels]
    return difflib.get_close_matches(name, every, n=most, cutoff=0.5) or every


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
    if fits(name, answers, labels):
        kind, _, label = name.partition(".")
        return known_metrics()[kind], label or None
    near = offered(name, answers, labels, 3)
    raise EvaluationError(
        Text(f"{name[:60]!r} is not a metric of this task.", f"「{name[:60]}」不是這個任務可用的指標。"),
        Text(f"Use one of: {', '.join(near)}.", f"可用的指標：{'、'.join(near)}。"), field=field,
    )


def metric_title(name: str) -> Text:
    """The metric's name for people: `macro_f1` → macro-F1, `recall.負面` → recall of 負面."""
    kind, _, label = name.partition(".")
    metric = known_metrics().get(kind)
    title = metric.title if metric else Text(kind, kind)
    return Text(f"{title.en} of {label}", f"「{label}」的{title.zh}") if label else title


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


def count_answers(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> Array:
    """(labels, labels + 1) counts of (gold, predicted); an answer that is no label falls in the last column."""
    import numpy as np

    place = {label: number for number, label in enumerate(labels)}
    rows = [place[label] for label in gold]
    columns = [place.get(label, len(labels)) if label is not None else len(labels) for label in predicted]
    counts: Array = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def tallied(rows: Sequence[Mapping[int, int]], shape: tuple[int, ...]) -> Tally:
    """Rows of numbers by their place in `shape`, read as one line."""
    from scipy.sparse import csr_array

    listed = [sorted(row.items()) for row in rows]
    columns = [column for row in listed for column, _ in row]
    values = [value for row in listed for _, value in row]
    starts = [0, *itertools.accumulate(map(len, listed))]
    return Tally(csr_array((values, columns, starts), shape=(len(rows), math.prod(shape)), dtype=float), shape)


def ratio(numerator: Array, denominator: Array, empty: float = 0.0) -> Array:
    """numerator / denominator, `empty` where the denominator is 0."""
    import numpy as np

    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    out: Array = np.full(shape, empty)
    np.divide(numerator, denominator, out=out, where=np.asarray(denominator) != 0)
    return out
