"""Two versions on the same benchmark rows: what a comparison found."""

from __future__ import annotations

from pydantic import Field

from .evaluation import BenchmarkReference, Words
from .foundation.json_object import JsonObject
from .lineage_record import ChangeDetail, Prediction
from .record import Number, Part, Record


class Gap(Part):
    """A paired difference, the later version minus the earlier, with its 95 % interval and the test's p."""

    value: Number = 0
    low: Number = 0
    high: Number = 0
    p: Number | None = None


class RowsNeeded(Part):
    """About how many rows would show the gap; `doubtful` where it is no larger than its own error."""

    low: int = 0
    high: int = 0
    doubtful: bool = False


class ChosenVersion(Part):
    """The best of several versions on these rows, and how much `less` is to be expected of it on new ones."""

    version: str = ""
    of: int = 0
    less: Number = 0


class ComparisonVerdict(Part):
    """Whether `b` is `better` or `worse` than `a`, or that is `not_shown`.

    Arguments:
        tests: how many comparisons the difference's p is corrected for; `p_alone` is without that.
    """

    outcome: str = "not_shown"
    difference: Gap = Field(default_factory=Gap)
    tests: int = 1
    p_alone: Number | None = None
    rows_needed: RowsNeeded | None = None
    chosen: ChosenVersion | None = None
    text: Words = Field(default_factory=Words)


class MetricPair(Part):
    """One figure in both versions."""

    a: Number = 0
    b: Number = 0
    difference: Gap = Field(default_factory=Gap)


class LabelPair(MetricPair):
    """The F1 of one label in both, and whether `b` is better there."""

    label: str = ""
    outcome: str = "not_shown"


class RightAlone(Part):
    """Rows that only one of the two gets right."""

    only_a: int = 0
    only_b: int = 0


class ChangedRow(Part):
    """A row that the two answer differently; its text is hidden where the task is on-premise."""

    id: str = ""
    text: str = ""
    gold: str | None = None
    a: str | None = None
    b: str | None = None


class ChangedRows(Part):
    """A few rows that `b` put right, and a few that it broke."""

    fixed: list[ChangedRow] = Field(default_factory=list)
    broken: list[ChangedRow] = Field(default_factory=list)


class Comparison(Record):
    """Everything that differs between `a` and `b`, on the newest benchmark both were evaluated on.

    Arguments:
        metric: the task's own, in which the verdict is.
        metrics: each measure by its name; `per_class` those of each label.
        changes: what was changed in settings and data from `a` to `b`.
        prediction: what was expected of `b`, where it was planned after a diagnosis.
        next_step: `tool`, `arguments` and `say`.
    """

    a: str = ""
    b: str = ""
    benchmark: BenchmarkReference = Field(default_factory=BenchmarkReference)
    decoding: str = "free"
    metric: str = ""
    verdict: ComparisonVerdict = Field(default_factory=ComparisonVerdict)
    right: RightAlone = Field(default_factory=RightAlone)
    metrics: dict[str, MetricPair] = Field(default_factory=dict)
    per_class: list[LabelPair] = Field(default_factory=list)
    changes: list[ChangeDetail] = Field(default_factory=list)
    prediction: Prediction | None = None
    examples: ChangedRows = Field(default_factory=ChangedRows)
    message: Words = Field(default_factory=Words)
    next_step: JsonObject = Field(default_factory=dict)
