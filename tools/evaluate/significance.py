"""How sure a figure is: bootstrap intervals, paired differences, exact McNemar, and rows needed.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap" (percentile interval, ch. 13); Miller, "Adding Error
Bars to Evals" (arXiv 2411.00640: pair the questions, cluster rows that belong together).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .metric import Metric

if TYPE_CHECKING:
    from .metric import Array

RESAMPLES = 10_000
SEED = 20_260_106
_CHUNK_CELLS = 2_000_000  # counts held at once, 16 MB


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass(frozen=True)
class Difference:
    """B minus A on the same rows. `error` is its bootstrap standard error, in the metric's own units."""

    value: float
    low: float
    high: float
    error: float

    @property
    def verdict(self) -> str:
        """`better` or `worse` where the 95 % interval leaves out 0, else `not_shown`."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not_shown"

    def to_dict(self) -> dict[str, float]:
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass(frozen=True)
class McNemar:
    """The exact test on the rows where just one of the two is right; `p` is two-sided."""

    only_a: int
    only_b: int
    p: float


class Resampler:
    """Answers of one or more models on the same rows, drawn again and again.

    Rows are tallied into cells (gold, answer of each model). Drawing n rows with replacement is then one multinomial
    draw over the cells; where rows belong to groups, whole groups are drawn instead.

    Arguments:
        gold: each row's label.
        answers: for each model its answer to each row (None or a text that is no label: invalid).
        labels: the labels, in the order of the counts.
        groups: each row's group (a skeleton, a source), or None where rows are independent.
    """

    def __init__(
        self, gold: Sequence[str], answers: Sequence[Sequence[str | None]], labels: Sequence[str],
        groups: Sequence[str] | None = None, *, resamples: int = RESAMPLES, seed: int = SEED,
    ) -> None:
        import numpy as np

        self.labels = list(labels)
        self.resamples, self.seed = resamples, seed
        place = {label: number for number, label in enumerate(self.labels)}
        width = len(self.labels)
        self._columns = [[place.get(a, width) if a is not None else width for a in model] for model in answers]
        rows = np.array([[place[label] for label in gold], *self._columns], dtype=np.int64).T
        self.cells, which = np.unique(rows, axis=0, return_inverse=True)
        if groups is not None and len(set(groups)) < len(groups):
            names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
            tally: Array = np.zeros((len(names), len(self.cells)), dtype=np.int64)
            np.add.at(tally, ([names[group] for group in groups], which.reshape(-1)), 1)
            self.groups: Array | None = tally
            self.weights = tally.sum(axis=0)
        else:
            self.groups = None
            self.weights = np.bincount(which.reshape(-1), minlength=len(self.cells))

    def intervals(self, metrics: dict[str, Metric], model: int = 0) -> dict[str, Interval | list[Interval]]:
        """Each metric's value with its 95 % percentile interval; a list by label for a metric with `per_class`."""
        def value_of(metric: Metric) -> Callable[[list[Array]], Array]:
            return lambda counts: metric.measure(counts[model])

        drawn = self._draws({name: value_of(metric) for name, metric in metrics.items()})
        found: dict[str, Interval | list[Interval]] = {}
        for name, metric in metrics.items():
            value = metric.measure(self.counted(model))
            low, high = _percentiles(drawn[name])
            if metric.per_class:
                found[name] = [Interval(*map(float, three)) for three in zip(value, low, high, strict=True)]
            else:
                found[name] = Interval(float(value), float(low), float(high))
        return found

    def differences(
        self, metrics: dict[str, Metric], a: int = 0, b: int = 1
    ) -> dict[str, Difference | list[Difference]]:
        """Each metric's paired difference, model `b` minus model `a`: the same draw of rows scores both."""
        def difference(metric: Metric) -> Callable[[list[Array]], Array]:
            return lambda counts: metric.measure(counts[b]) - metric.measure(counts[a])

        drawn = self._draws({name: difference(metric) for name, metric in metrics.items()})
        found: dict[str, Difference | list[Difference]] = {}
        for name, metric in metrics.items():
            value = metric.measure(self.counted(b)) - metric.measure(self.counted(a))
            low, high = _percentiles(drawn[name])
            error = drawn[name].std(axis=0)
            if metric.per_class:
                found[name] = [Difference(*map(float, four)) for four in zip(value, low, high, error, strict=True)]
            else:
                found[name] = Difference(float(value), float(low), float(high), float(error))
        return found

    def counted(self, model: int) -> Array:
        """(labels, labels + 1) counts of the rows themselves, for one model."""
        return self._counts(self.weights[None])[model][0]

    def _draws(self, measures: dict[str, Callable[[list[Array]], Array]]) -> dict[str, Array]:
        import numpy as np

        parts: dict[str, list[Array]] = {name: [] for name in measures}
        for weights in self._drawn_weights():
            counts = self._counts(weights)
            for name, measure in measures.items():
                parts[name].append(measure(counts))
        return {name: np.concatenate(chunks) for name, chunks in parts.items()}

    def _drawn_weights(self) -> Iterator[Array]:
        """(chunk, cells) rows drawn in each cell, `resamples` draws in all; the chunking does not change the draws."""
        import numpy as np

        generator = np.random.default_rng(self.seed)
        width = max(len(self.cells), len(self.labels) * (len(self.labels) + 1) * len(self._columns))
        if self.groups is not None:
            width = max(width, len(self.groups))
        chunk = max(1, _CHUNK_CELLS // width)
        total = int(self.weights.sum())
        for start in range(0, self.resamples, chunk):
            size = min(chunk, self.resamples - start)
            if self.groups is None:
                yield generator.multinomial(total, self.weights / total, size=size)
            else:
                number = len(self.groups)
                yield generator.multinomial(number, np.full(number, 1 / number), size=size) @ self.groups

    def _counts(self, weights: Array) -> list[Array]:
        """For each model (draws, labels, labels + 1) counts, from (draws, cells) weights."""
        import numpy as np

        width = len(self.labels)
        found = []
        for model in range(len(self._columns)):
            places = self.cells[:, 0] * (width + 1) + self.cells[:, 1 + model]
            counts: Any = np.zeros((width * (width + 1), len(weights)), dtype=np.int64)
            np.add.at(counts, places, weights.T)
            found.append(counts.T.reshape(len(weights), width, width + 1))
        return found


def mcnemar(right_a: Sequence[bool], right_b: Sequence[bool]) -> McNemar:
    """Exact two-sided McNemar test: the binomial test on the discordant rows."""
    only_a = sum(a and not b for a, b in zip(right_a, right_b, strict=True))
    only_b = sum(b and not a for a, b in zip(right_a, right_b, strict=True))
    discordant, fewer = only_a + only_b, min(only_a, only_b)
    tail = sum(math.comb(discordant, k) for k in range(fewer + 1))
    return McNemar(only_a, only_b, min(1.0, 2 * tail / 2**discordant))


def rows_needed(rows: int, difference: float, error: float) -> int | None:
    """About how many rows would show a gap of this size (two-sided 5 %, power 80 %).

    The standard error shrinks with the square root of the rows, so n' = n · ((1.960 + 0.842) · error / gap)².
    None where there is no gap to show.
    """
    if difference == 0 or error == 0:
        return None
    return math.ceil(rows * ((1.960 + 0.842) * error / abs(difference)) ** 2)


def _percentiles(draws: Array) -> tuple[Array, Array]:
    import numpy as np

    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return low, high
