"""How sure a figure is: bootstrap intervals, paired differences, exact McNemar, and rows needed.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap" (percentile interval, ch. 13); Miller, "Adding Error
Bars to Evals" (arXiv 2411.00640: pair the questions, cluster rows that belong together).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .metric import Answered, Metric, Tally

if TYPE_CHECKING:
    from .metric import Array

RESAMPLES = 10_000
SEED = 20_260_106
_CHUNK_CELLS = 2_000_000  # numbers held at once, 16 MB


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

    Rows of which everything counts the same are one cell. Drawing n rows with replacement is then one multinomial draw
    over the cells, where they are few; where rows belong to groups, whole groups are drawn instead.

    Arguments:
        models: for each model its answer to each row.
        labels: the labels, in the order of figures by label.
        groups: each row's group (a skeleton, a source), or None where rows are independent.
    """

    def __init__(
        self, models: Sequence[Sequence[Answered]], labels: Sequence[str], groups: Sequence[str] | None = None, *,
        resamples: int = RESAMPLES, seed: int = SEED,
    ) -> None:
        self.models = models
        self.labels = list(labels)
        self.groups = groups if groups is not None and len(set(groups)) < len(groups) else None
        self.resamples, self.seed = resamples, seed

    def intervals(self, metrics: Mapping[str, Metric], model: int = 0) -> dict[str, Interval | list[Interval]]:
        """Each metric's value with its 95 % percentile interval; a list by label for a metric with `per_class`."""
        counted = _Counted([self.models[model]], self.labels, metrics, self.groups)
        values, drawn = counted.measured(), self._draws(counted, lambda scores: scores[0])
        found: dict[str, Interval | list[Interval]] = {}
        for name, metric in metrics.items():
            value = values[name][0]
            low, high = _percentiles(drawn[name])
            if metric.per_class:
                found[name] = [Interval(*map(float, three)) for three in zip(value, low, high, strict=True)]
            else:
                found[name] = Interval(float(value), float(low), float(high))
        return found

    def differences(
        self, metrics: Mapping[str, Metric], a: int = 0, b: int = 1
    ) -> dict[str, Difference | list[Difference]]:
        """Each metric's paired difference, model `b` minus model `a`: the same draw of rows scores both."""
        counted = _Counted([self.models[a], self.models[b]], self.labels, metrics, self.groups)
        values, drawn = counted.measured(), self._draws(counted, lambda scores: scores[1] - scores[0])
        found: dict[str, Difference | list[Difference]] = {}
        for name, metric in metrics.items():
            value = values[name][1] - values[name][0]
            low, high = _percentiles(drawn[name])
            error = drawn[name].std(axis=0)
            if metric.per_class:
                found[name] = [Difference(*map(float, four)) for four in zip(value, low, high, error, strict=True)]
            else:
                found[name] = Difference(float(value), float(low), float(high), float(error))
        return found

    def values(self, metrics: Mapping[str, Metric], model: int = 0) -> dict[str, Array]:
        """Each metric of the rows themselves; by label for a metric with `per_class`."""
        counted = _Counted([self.models[model]], self.labels, metrics, self.groups)
        return {name: scores[0] for name, scores in counted.measured().items()}

    def _draws(self, counted: _Counted, of: Callable[[list[Array]], Array]) -> dict[str, Array]:
        """(resamples, …) of each metric; the chunking does not change the draws."""
        import numpy as np

        generator = np.random.default_rng(self.seed)
        parts: dict[str, list[Array]] = {name: [] for name in counted.metrics}
        chunk = max(1, _CHUNK_CELLS // counted.width)
        for start in range(0, self.resamples, chunk):
            weights = counted.drawn(generator, min(chunk, self.resamples - start))
            for name, scores in counted.measured(weights).items():
                parts[name].append(of(scores))
        return {name: np.concatenate(chunks) for name, chunks in parts.items()}


class _Counted:
    """What the metrics count of each model's answers: by cells of rows, or of groups of rows, that count the same."""

    def __init__(
        self, models: Sequence[Sequence[Answered]], labels: Sequence[str], metrics: Mapping[str, Metric],
        groups: Sequence[str] | None,
    ) -> None:
        import numpy as np

        self.metrics = metrics
        tallies: dict[str, list[Tally]] = {}
        for name, metric in metrics.items():
            if (family := metric.family or name) not in tallies:
                tallies[family] = [metric.tally(model, labels) for model in models]
        if groups is not None:
            tallies = {family: [_summed(tally, groups) for tally in counted] for family, counted in tallies.items()}
        self.cell_of, first = _cells([tally.rows for counted in tallies.values() for tally in counted])
        self.weights: Array = np.bincount(self.cell_of, minlength=len(first))
        self.shapes = {family: counted[0].shape for family, counted in tallies.items()}
        self.tables = {family: [_fastest(tally.rows[first]) for tally in counted] for family, counted in tallies.items()}
        self.width = max(len(self.cell_of), *(math.prod(shape) * len(models) for shape in self.shapes.values()))

    def drawn(self, generator: Any, size: int) -> Array:
        """(size, cells) how often each cell is drawn."""
        import numpy as np

        total, cells = len(self.cell_of), len(self.weights)
        drawn: Array
        if 2 * cells < total:
            drawn = np.asarray(generator.multinomial(total, self.weights / total, size=size), dtype=float)
        else:
            places = self.cell_of[generator.integers(0, total, (size, total))] + np.arange(size)[:, None] * cells
            drawn = np.bincount(places.ravel(), minlength=size * cells).reshape(size, cells).astype(float)
        return drawn

    def measured(self, weights: Array | None = None) -> dict[str, list[Array]]:
        """Each metric of each model, of the rows themselves or of the (draws, cells) cells drawn."""
        drawn = self.weights[None].astype(float) if weights is None else weights
        sums = {family: [(drawn @ table).reshape(len(drawn), *self.shapes[family]) for table in tables]
                for family, tables in self.tables.items()}
        found = {name: [metric.measure(one) for one in sums[metric.family or name]]
                 for name, metric in self.metrics.items()}
        return {name: [one[0] for one in scores] for name, scores in found.items()} if weights is None else found


def _summed(tally: Tally, groups: Sequence[str]) -> Tally:
    """The same counted of whole groups."""
    import numpy as np
    from scipy.sparse import csr_array

    names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    places = ([names[group] for group in groups], range(len(groups)))
    whole = csr_array(csr_array((np.ones(len(groups)), places), shape=(len(names), len(groups))) @ tally.rows)
    whole.sort_indices()
    return Tally(whole, tally.shape)


def _cells(tables: Sequence[Any]) -> tuple[Array, list[int]]:
    """The cell of each row, and the first row of each cell."""
    import numpy as np

    rows = tables[0].shape[0]
    places: dict[tuple[bytes, ...], int] = {}
    which: Array = np.empty(rows, dtype=np.int64)
    first: list[int] = []
    for row in range(rows):
        key = tuple(part[table.indptr[row]:table.indptr[row + 1]].tobytes()
                    for table in tables for part in (table.indices, table.data))
        which[row] = place = places.setdefault(key, len(places))
        if place == len(first):
            first.append(row)
    return which, first


def _fastest(table: Any) -> Any:
    """The matrix in the form that multiplies fastest: sparse where most of it is empty."""
    return table.toarray() if 4 * table.nnz > math.prod(table.shape) else table


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
