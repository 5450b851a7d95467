"""Whether a difference between models on the same rows is more than chance: one rule for every place that says so.

The difference is shown where a paired randomisation test says so (p < 5 %), which of right and wrong answers is the exact
McNemar test, and of any other metric the same on what each row contributes to it. The interval beside it always agrees
with the test. Where several versions were measured on the same rows, p is corrected for that.

Sources: Noreen, "Computer-Intensive Methods for Testing Hypotheses" (1989) and Yeh, "More Accurate Tests for the
Statistical Significance of Result Differences" (COLING 2000): the test; Bonett and Price, "Adjusted Wald Confidence
Interval for a Difference of Binomial Proportions Based on Paired Data" (2012): the interval; Miettinen, "Estimability and
Estimation in Case-Referent Studies" (1976): the edge nearest 0, where test and interval would disagree; Holm, "A Simple
Sequentially Rejective Multiple Test Procedure" (1979); Miller, "Adding Error Bars to Evals" (arXiv 2411.00640: pair the
questions, cluster rows that belong together); Efron and Tibshirani,
"An Introduction to the Bootstrap" (1993, ch. 6.5, the parametric one): what choosing the best adds to a score.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from .intervals import Counted, Counts, Interval, Z, by_group, cells_of, count_groups, gradient, weigh
from .metric import METRICS, Answered, Metric

LEVEL = 0.05
_POWER = 0.842  # of 80 %
_FLIPS, _FEWEST_FLIPS, _MOST_COINS = 9_999, 999, 4_000_000
_DRAWS = 2_000
_SEED = 20_260_106
_QUARTILE = 0.674
_DIGITS = 9  # contributions that agree so far are the same


@dataclass(frozen=True)
class Difference:
    """B minus A on the same rows, with its 95 % interval.

    Arguments:
        error: standard error, in the metric's own units.
        p: two-sided, of the paired randomisation test.
    """

    value: float
    low: float
    high: float
    error: float
    p: float = 1.0

    @property
    def verdict(self) -> str:
        """`better` or `worse` where the 95 % interval leaves out 0, else `not_shown`."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not_shown"

    def to_dict(self) -> dict[str, float]:
        return {
            "value": round(self.value, 6),
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "p": round(self.p, 6),
        }


@dataclass(frozen=True)
class McNemar:
    """The rows where just one of the two is right; `p` is the exact test's, two-sided."""

    only_a: int
    only_b: int
    p: float


class Scores:
    """Answers of one or more models to the same rows, and how sure figures of them are.

    Arguments:
        models: for each model its answer to each row.
        labels: the labels, in the order of figures by label.
        groups: each row's group (a skeleton, a source), or None where rows are independent.
    """

    def __init__(
        self, models: Sequence[Sequence[Answered]], labels: Sequence[str], groups: Sequence[str] | None = None
    ) -> None:
        self.models = models
        self.labels = list(labels)
        self.groups = groups if groups is not None and len(set(groups)) < len(groups) else None
        self._tallies: dict[tuple[str | type[Metric], int], list[Counts]] = {}

    def values(self, metrics: Mapping[str, Metric], model: int = 0) -> dict[str, list[float]]:
        """Each metric's figure; one for each label where it is `per_class`."""
        return {name: metric.measure(self._count_model(metric, model).sums) for name, metric in metrics.items()}

    def intervals(self, metrics: Mapping[str, Metric], model: int = 0) -> dict[str, list[Interval]]:
        """The same with 95 % intervals."""
        return {name: metric.intervals(self._count_model(metric, model)) for name, metric in metrics.items()}

    def differences(self, metrics: Mapping[str, Metric], a: int = 0, b: int = 1) -> dict[str, list[Difference]]:
        """Each metric's paired difference, model `b` minus model `a`."""
        return {name: self._pair_differences(metric, a, b) for name, metric in metrics.items()}

    def chosen_best(self, metric: Metric, place: int = 0) -> float:
        """How much too good the best of these models looks because it was chosen for its score on these very rows.

        Other rows drawn from the same source would move every score; where a score is the best by luck, the luck goes.

        Arguments:
            place: of the label, for a metric that is `per_class`.
        """
        sign = 1 if metric.higher_is_better else -1
        scores, slopes, rows = [], [], []
        for model in range(len(self.models)):
            sums = self._count_model(metric, model).sums
            scores.append(sign * metric.measure(sums)[place])
            slopes.append({at: sign * slope for at, slope in gradient(_figure(metric, place), sums).items()})
            rows.append(self._group_counts(metric, model))
        parts = [[weigh(slope, row) for row in each] for slope, each in zip(slopes, rows, strict=True)]
        noise = _drawing([[sum(x * y for x, y in zip(one, other, strict=True)) for other in parts] for one in parts])
        source, gained = random.Random(_SEED), 0.0
        for _ in range(_DRAWS):
            moved = noise([source.gauss(0.0, 1.0) for _ in scores])
            chosen = max(range(len(scores)), key=lambda at: scores[at] + moved[at])
            gained += moved[chosen]
        return max(0.0, gained / _DRAWS)

    def _tally(self, metric: Metric, model: int) -> list[Counts]:
        key = (metric.family or type(metric), model)  # not the class's name: two packages may use the same
        if key not in self._tallies:
            try:
                self._tallies[key] = metric.tally(self.models[model], self.labels)
            except (Exception, SystemExit) as error:  # whatever a stranger's metric raises
                if refused := METRICS.failed(type(metric), error):
                    raise refused from error
                raise
        return self._tallies[key]

    def _group_counts(self, metric: Metric, model: int) -> list[Counts]:
        rows = self._tally(metric, model)
        return rows if self.groups is None else by_group(rows, self.groups)

    def _count_model(self, metric: Metric, model: int) -> Counted:
        return count_groups(self._tally(metric, model), metric.columns(len(self.labels)), self.groups)

    def _pair_differences(self, metric: Metric, a: int, b: int) -> list[Difference]:
        sums = [self._count_model(metric, model).sums for model in (a, b)]
        middle = [(one + other) / 2 for one, other in zip(*sums, strict=True)]
        moves = cells_of(
            [
                _minus(row_b, row_a)
                for row_a, row_b in zip(self._group_counts(metric, a), self._group_counts(metric, b), strict=True)
            ]
        )
        ends = zip(metric.measure(sums[0]), metric.measure(sums[1]), strict=True)
        return [
            _difference(value_b - value_a, moves, gradient(_figure(metric, place), middle))
            for place, (value_a, value_b) in enumerate(ends)
        ]


def _figure(metric: Metric, place: int) -> Callable[[Sequence[float]], float]:
    """One of the metric's figures, of sums."""
    return lambda sums: metric.measure(sums)[place]


def _minus(row: Counts, other: Counts) -> Counts:
    found = {column: row.get(column, 0) - other.get(column, 0) for column in {**row, **other}}
    return {column: value for column, value in found.items() if value}


def _difference(value: float, moves: Sequence[tuple[int, Counts]], slope: Counts) -> Difference:
    """By what each group of rows adds to the difference: the slope half-way between the models is exact to second order."""
    groups = sum(count for count, _ in moves)
    parts: Counter[float] = Counter()
    for count, row in moves:
        if part := round(groups * weigh(slope, row), _DIGITS):
            parts[part] += count
    p = _randomised_p(parts)
    # Bonett and Price: as if one more pair spoke for each side.
    changed = sum(parts.values())
    squares = sum(count * part * part for part, count in parts.items())
    one_more = squares / changed if changed else 1.0
    total = value * groups
    mean = total / (groups + 2)
    error = math.sqrt(max(0.0, squares + 2 * one_more - total * total / (groups + 2))) / (groups + 2)
    low, high = max(-1.0, min(value, mean - Z * error)), min(1.0, max(value, mean + Z * error))
    if (p < LEVEL) != (low > 0 or high < 0):
        low, high = _agreeing(value, low, high, p)
    return Difference(value, low, high, error, p)


def _agreeing(value: float, low: float, high: float, p: float) -> tuple[float, float]:
    """The interval with its edge nearest 0 where the test has it."""
    tested = NormalDist().inv_cdf(1 - p / 2)
    edge = value * (1 - Z / tested) if tested else 0.0
    return (edge, high) if value > 0 else (low, edge)


def _randomised_p(parts: Mapping[float, int]) -> float:
    """p of the sum, where each group's two answers may as well be exchanged: every sign is flipped with a coin."""
    sizes: Counter[float] = Counter()
    for part, count in parts.items():
        sizes[abs(part)] += count
    if not sizes:
        return 1.0
    reached = abs(sum(part * count for part, count in parts.items()))
    if len(sizes) == 1:
        [(size, coins)] = sizes.items()
        return _binomial(coins, round((coins - reached / size) / 2))
    source, margin = random.Random(_SEED), reached * (1 - 1e-9) - 1e-12
    flips = max(_FEWEST_FLIPS, min(_FLIPS, _MOST_COINS // len(sizes)))
    cells = list(sizes.items())
    as_far = sum(
        abs(sum(size * (2 * source.getrandbits(coins).bit_count() - coins) for size, coins in cells)) >= margin
        for _ in range(flips)
    )
    return (as_far + 1) / (flips + 1)


def _binomial(coins: int, fewer: int) -> float:
    """Two-sided p of so few heads, or as few tails."""
    tail = sum(math.comb(coins, heads) for heads in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**coins))


def _drawing(covariance: Sequence[Sequence[float]]) -> Callable[[Sequence[float]], list[float]]:
    """Turns independent normal numbers into such that have the covariance (Cholesky; models that answer alike allowed)."""
    root: list[list[float]] = []
    for at, row in enumerate(covariance):
        found: list[float] = []
        for other in range(at):
            rest = row[other] - sum(x * y for x, y in zip(found, root[other], strict=False))
            found.append(rest / root[other][other] if root[other][other] > 1e-9 else 0.0)
        found.append(math.sqrt(max(0.0, row[at] - sum(x * x for x in found))))
        root.append(found)
    return lambda given: [sum(x * y for x, y in zip(row, given, strict=False)) for row in root]


def mcnemar(right_a: Sequence[bool], right_b: Sequence[bool]) -> McNemar:
    """Exact two-sided McNemar test: the binomial test on the discordant rows."""
    only_a = sum(a and not b for a, b in zip(right_a, right_b, strict=True))
    only_b = sum(b and not a for a, b in zip(right_a, right_b, strict=True))
    return McNemar(only_a, only_b, _binomial(only_a + only_b, min(only_a, only_b)))


def holm(tests: Sequence[float]) -> list[float]:
    """Each p corrected for how many tests there are (Holm), in their order."""
    order = sorted(range(len(tests)), key=lambda at: tests[at])
    found, highest = [1.0] * len(tests), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(tests) - rank) * tests[at]))
        found[at] = highest
    return found


@dataclass(frozen=True)
class RowsNeeded:
    """How many rows would show a gap like the one seen; `doubtful`: it may be far smaller still, or none."""

    low: int
    high: int
    doubtful: bool = False

    def to_dict(self) -> dict[str, int]:
        return {"low": self.low, "high": self.high, "doubtful": self.doubtful}


def rows_needed(rows: int, difference: float, error: float) -> RowsNeeded | None:
    """About how many rows would show the gap (two-sided 5 %, power 80 %), as a range; None where there is no gap.

    The standard error shrinks with the square root of the rows, so n' = n · ((1.960 + 0.842) · error / gap)². The gap is
    itself known no better than its error: the range is of the gaps in the middle half of what the rows allow (± 0.674
    errors), down to half of the gap seen.
    """
    if difference == 0 or error == 0:
        return None
    gap, unsure = abs(difference), _QUARTILE * error

    def rows_for(size: float) -> int:
        return math.ceil(rows * ((Z + _POWER) * error / size) ** 2)

    return RowsNeeded(rows_for(gap + unsure), rows_for(max(gap - unsure, gap / 2)), gap - unsure < gap / 2)


def correct_difference(difference: Difference, p: float) -> Difference:
    """The difference by a p that is corrected for looking often: its interval holds 0 where that is not below the level."""
    if p < LEVEL or difference.verdict == "not_shown":
        return replace(difference, p=p)
    low, high = _agreeing(difference.value, difference.low, difference.high, p)
    return replace(difference, low=low, high=high, p=p)
