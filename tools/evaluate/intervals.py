"""95 % intervals in closed form, which hold at the edges too: thirty of thirty right is not certainty.

Sources: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (JASA 1927); Lam, Gopal and Qian,
"Confidence Intervals for the F1 Score" (arXiv 2309.14621, the indirect Wilson method: of the rows that are of a class or
answered with it, those right are a binomial share, and F1 is a function of it alone); Takahashi et al., "Confidence
interval for micro-averaged F1 and macro-averaged F1 scores" (Applied Intelligence 2022, the delta method); Kish, "Survey
Sampling" (1965, rows that belong together count for fewer). `benchmarks/interval_coverage.py` simulates them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Z = 1.959964  # two-sided 95 %
_FEW = 2.0  # mistakes that the worst case is worth, where rows belong together; a choice of this project
_STEP = 1e-4
_POISSON = (0.0, 0.0513, 0.3554, 0.8177)  # half the 5 % quantile of chi-squared with 2k degrees of freedom

Counts = Mapping[int, float]  # what is counted of a row or of several, by column


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass(frozen=True)
class Counted:
    """What was counted of all rows.

    Arguments:
        cells: (how many, what was counted of each) groups of rows; one row is a group where rows are independent.
        sums: of every column.
        worst: design effect where all rows of a group are right or wrong together (1 where rows are independent).
    """

    cells: list[tuple[int, Counts]]
    sums: list[float]
    worst: float = 1.0

    @property
    def groups(self) -> int:
        return sum(count for count, _ in self.cells)


def count_groups(rows: Sequence[Counts], columns: int, groups: Sequence[str] | None = None) -> Counted:
    """Rows of counts put together by group, equal ones into one cell."""
    sums = [0.0] * columns
    for row in rows:
        for column, value in row.items():
            sums[column] += value
    if groups is None:
        return Counted(cells_of(rows), sums)
    sizes = Counter(groups)
    worst = sum(size * size for size in sizes.values()) / max(1, len(groups))
    return Counted(cells_of(by_group(rows, groups)), sums, worst)


def by_group(rows: Sequence[Counts], groups: Sequence[str]) -> list[Counts]:
    """The same counted of whole groups."""
    whole: dict[str, dict[int, float]] = {}
    for row, group in zip(rows, groups, strict=True):
        into = whole.setdefault(group, {})
        for column, value in row.items():
            into[column] = into.get(column, 0) + value
    return list(whole.values())


def cells_of(rows: Sequence[Counts]) -> list[tuple[int, Counts]]:
    """Rows that count the same, each with how often it stands."""
    found: dict[tuple[tuple[int, float], ...], tuple[int, Counts]] = {}
    for row in rows:
        key = tuple(sorted(row.items()))
        found[key] = (found[key][0] + 1 if key in found else 1, row)
    return list(found.values())


def wilson(share: float, rows: float) -> tuple[float, float]:
    """The Wilson score interval of a share of so many rows; 0–1 where there are none."""
    if rows <= 0:
        return 0.0, 1.0
    shrunk = 1 + Z * Z / rows
    centre = (share + Z * Z / (2 * rows)) / shrunk
    half = Z / shrunk * math.sqrt(max(0.0, share * (1 - share) / rows + Z * Z / (4 * rows * rows)))
    return (0.0 if share <= 0 else max(0.0, centre - half)), (1.0 if share >= 1 else min(1.0, centre + half))


def wider_wilson(share: float, rows: float) -> tuple[float, float]:
    """Wilson's interval, wider where next to nothing is wrong or next to nothing right.

    A truth very near 1 is left out as soon as one or two rows are wrong; there the edge is that of a Poisson count, as
    Brown, Cai and DasGupta modify Wilson's ("Interval Estimation for a Binomial Proportion", Statistical Science 2001).
    """
    low, high = wilson(share, rows)
    if rows <= 0:
        return low, high
    return min(low, _fewest(share * rows) / rows), max(high, 1 - _fewest((1 - share) * rows) / rows)


def _fewest(seen: float) -> float:
    """The smallest Poisson mean that so many are no surprise for (one-sided 5 %), straight between whole numbers."""
    if seen > len(_POISSON) - 1 + 1e-6:
        return math.inf
    below = min(int(seen), len(_POISSON) - 2)
    return _POISSON[below] + (seen - below) * (_POISSON[below + 1] - _POISSON[below])


def share_bounds(
    found: Counted, hits: Counts, of: Counts, bounds: Callable[[float, float], tuple[float, float]] = wilson
) -> tuple[float, float]:
    """The interval of Σ hits / Σ of, both linear in the columns; of a group's rows as many count as vary on their own.

    Arguments:
        bounds: the interval of a share of so many rows.
    """
    parts = [(count, weigh(hits, row), weigh(of, row)) for count, row in found.cells]
    right, total = (sum(count * part[at] for count, *part in parts) for at in (0, 1))
    if total <= 0:
        return 0.0, 1.0
    share = right / total
    worst = max(1.0, sum(count * size * size for count, _, size in parts) / total)
    fewer = min(right, total - right)
    effect = 1.0
    if fewer > 0:
        spread = sum(count * (hit - share * size) ** 2 for count, hit, size in parts)
        effect = max(1.0, spread / (total * share * (1 - share)))
    # With few mistakes the spread between groups says little, so the worst case has its say.
    effect = (fewer * effect + _FEW * worst) / (fewer + _FEW)
    return bounds(share, total / effect)


def mean_bounds(
    found: Counted, measure: Callable[[Sequence[float]], float], wrong: Sequence[tuple[float, Counts]]
) -> tuple[float, float]:
    """The interval of any score of sums in 0–1: Wilson's, by the rows that its delta-method variance is worth.

    Arguments:
        measure: does not change when all sums are multiplied by one number.
        wrong: (weight, counts) of one more row that is answered wrongly. It keeps the variance above 0 where nothing
            was wrong, and keeps it from vanishing where little was.
    """
    sums = list(found.sums)
    for weight, row in wrong:
        for column, value in row.items():
            sums[column] += weight * value
    slope = gradient(measure, sums)
    variance = sum(count * weigh(slope, row) ** 2 for count, row in found.cells) + found.worst * sum(
        weight * weigh(slope, row) ** 2 for weight, row in wrong
    )
    value = measure(sums)
    rows = value * (1 - value) / variance if variance > 0 else found.groups / found.worst
    return wider_wilson(measure(found.sums), rows)


def gradient(measure: Callable[[Sequence[float]], float], sums: Sequence[float]) -> dict[int, float]:
    """The slope of a score in each column that holds anything (central differences)."""
    found, moved = {}, list(sums)
    for column, value in enumerate(sums):
        if not value:
            continue
        ends = []
        for step in (_STEP, -_STEP):
            moved[column] = value + step
            ends.append(measure(moved))
        moved[column] = value
        if ends[0] != ends[1]:
            found[column] = (ends[0] - ends[1]) / (2 * _STEP)
    return found


def weigh(weights: Counts, row: Counts) -> float:
    """Σ weight · count over the columns of a row."""
    return sum(weights[column] * value for column, value in row.items() if column in weights)
