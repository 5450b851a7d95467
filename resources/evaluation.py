"""`results.json`: the evaluated commit of a version, one record for each time it was measured."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from .foundation.errors import EvaluationError, NlpSkillsError
from .foundation.json_object import JsonObject
from .record import Number, Part, Record
from .snapshot import BenchmarkName

AnswerKind = Literal["label", "spans", "text", "pair"]


class BenchmarkReference(BenchmarkName):
    """The benchmark that was answered: also how many rows it had."""

    count: int = 0


class Figure(Part):
    """One measure with its 95 % interval; labels with too few rows to tell are named with how many they have."""

    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    left_out: dict[str, int] = Field(default_factory=dict)
    too_few: dict[str, int] = Field(default_factory=dict)


class ClassFigures(Part):
    """The measures of one label by their names, with intervals. Of one with few rows (`too_few`): how many of its rows
    (`support`) were `right`, and how many answers named it (`answered`)."""

    f1: Number | None = None
    precision: Number | None = None
    recall: Number | None = None
    support: int = 0
    too_few: bool = False
    right: int = 0
    answered: int = 0
    intervals: dict[str, list[Number]] = Field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        """A measure by its name; None where it was not taken."""
        found = getattr(self, metric, None)
        return float(found) if isinstance(found, int | float) else None


class Confusion(Part):
    """How often rows of each label were answered with each."""

    labels: list[str] = Field(default_factory=list)
    predicted: list[str] = Field(default_factory=list)
    matrix: list[list[int]] = Field(default_factory=list)


class OtherDecoding(Part):
    """The same answers decoded the other way: written freely, or limited to the labels."""

    decoding: str = ""
    metrics: dict[str, Figure] = Field(default_factory=dict)
    predictions_hash: str = ""


class Clusters(Part):
    """By what rows belong together (`text`: each stands alone), and how many groups they make."""

    by: str | None = None
    count: int | None = None


class SimplifiedLeak(Part):
    """Answers of a Traditional Chinese task with Simplified characters: their share and number, and the characters."""

    rate: Number = 0
    answers: int = 0
    characters: str = ""


class CutInputs(Part):
    """Rows whose input was cut to `max_length` tokens, by id with the characters that stayed."""

    max_length: int = 0
    characters: dict[str, int] = Field(default_factory=dict)


class FittedOn(Part):
    """The training rows a simple method learnt from, and their snapshot."""

    rows: int | None = None
    snapshot: str = ""


class BaselineFigures(Part):
    """The measures of a simple method by their names, with intervals."""

    intervals: dict[str, list[Number]] = Field(default_factory=dict)
    fitted_on: FittedOn | None = None

    def value(self, metric: str) -> float | None:
        """A measure by its name; None where it was not taken."""
        found = (self.model_extra or {}).get(metric)
        return float(found) if isinstance(found, int | float) else None


class Margin(Part):
    """How far the version is ahead (above 0: better), with its 95 % interval and the test's p; `outcome` is `better`,
    `worse` or `not_shown`."""

    value: Number = 0
    low: Number = 0
    high: Number = 0
    p: Number | None = None
    outcome: str | None = None


class Simplest(Part):
    """The best simple method, and whether it `wins`, `ties` or `loses`."""

    name: str = ""
    outcome: str = "loses"
    value: Number = 0
    ahead: Margin | None = None
    fitted_on: FittedOn | None = None


class Words(Part):
    """A sentence in both languages."""

    en: str = ""
    zh: str = ""


class Verdict(Part):
    """Whether the goal was met as it stood then, and how the simple methods compare. `chosen` says what choosing this
    version as the best of several did to its score."""

    met: bool | None = None
    threshold: Number | None = None
    metric: str = ""
    value: Number = 0
    simplest_wins: bool = False
    simplest: Simplest | None = None
    chosen: dict[str, Any] | None = None
    margins: dict[str, Margin] = Field(default_factory=dict)
    text: Words = Field(default_factory=Words)


class Measured(NamedTuple):
    """A measure that was taken, with the edges of its 95 % interval where there are rows enough for one."""

    value: float
    low: float | None = None
    high: float | None = None


class Evaluation(Record):
    """One measurement of a version.

    Arguments:
        answers: what the answers are: label, spans, text or pair.
        formula: by which way of counting; missing in older ones.
        metrics: each measure by its name; `per_class` those of each label or type of part.
        not_measured: why there is none of a metric that a package or a file adds and that failed, by its name.
        baselines: the measures of each simple method and of the untuned base model.
        predictions_hash: of the answers behind it.
        trained_on: rows of the benchmark that the version was trained on, where it was.
        seconds: how long it took.
        model: what was asked, where it is not a version.
    """

    error_type: ClassVar[type[NlpSkillsError]] = EvaluationError

    id: str = ""
    created: str = ""
    benchmark: BenchmarkReference = Field(default_factory=BenchmarkReference)
    answers: AnswerKind | None = None
    formula: int | None = None
    decoding: str = "free"
    metrics: dict[str, Figure] = Field(default_factory=dict)
    per_class: dict[str, ClassFigures] = Field(default_factory=dict)
    not_measured: dict[str, Words] = Field(default_factory=dict)
    confusion: Confusion | None = None
    clusters: Clusters | None = None
    other_decoding: OtherDecoding | None = None
    simplified: SimplifiedLeak | None = None
    cut: CutInputs | None = None
    job: str | None = None
    baselines: dict[str, BaselineFigures] = Field(default_factory=dict)
    predictions_hash: str = ""
    verdict: Verdict = Field(default_factory=Verdict)
    trained_on: int | None = None
    seconds: Number | None = None
    model: JsonObject | None = None

    def find_metric(self, metric: str) -> Measured | None:
        """A metric by its name, `recall.negative` of one label among them; None where it was not measured."""
        kind, _, label = metric.partition(".")
        if not label:
            found = self.metrics.get(kind)
            return Measured(found.value, found.low, found.high) if found and found.value is not None else None
        figures = self.per_class.get(label)
        value = figures.value(kind) if figures else None
        if figures is None or value is None:
            return None
        low, high = figures.intervals.get(kind) or (None, None)
        return Measured(value, low, high)


class Results(Record):
    """The content of `results.json`: every evaluation, oldest first."""

    error_type: ClassVar[type[NlpSkillsError]] = EvaluationError

    evaluations: list[Evaluation] = Field(default_factory=list)
