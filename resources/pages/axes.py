"""The axes of a chart: what stands on one pair of them, from where to where they reach, and their round numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..foundation.language import Text

Points = list[tuple[int, float]]
_MOST_POINTS = 400
COLOURS = ("#2f6fde", "#d9720b", "#1f9d63", "#b03a9c", "#c2372e", "#6f7d1a")


class Series(NamedTuple):
    """One line: its measure, its colour and its (step, value) points, ascending."""

    name: str
    colour: str
    points: Points


class Panel(NamedTuple):
    """One pair of axes."""

    title: Text
    series: list[Series]
    x_ticks: list[float]
    y_ticks: list[float]

    def place(self, step: float, value: float) -> tuple[float, float]:
        """Where a point stands, as shares of the width (from the left) and of the height (from the top)."""
        left, right, low, high = self.x_ticks[0], self.x_ticks[-1], self.y_ticks[0], self.y_ticks[-1]
        return (step - left) / (right - left), 1 - (value - low) / (high - low)


def tick_label(value: float, ticks: list[float]) -> str:
    """As few digits as tell the ticks apart."""
    step = ticks[1] - ticks[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{decimals}f}" if decimals < 6 else f"{value:.0e}"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers around [low, high], about `count` of them, evenly spaced (steps of 1, 2 or 5 times a power of ten)."""
    if high <= low:
        low, high = (low - abs(low) * 0.1 - 1e-9, high + abs(high) * 0.1 + 1e-9) if low else (0.0, 1.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def panel_of(title: Text, measured: dict[str, Points], steps: list[int], low: float = 0.0, high: float = 0.0) -> Panel:
    """Axes wide enough for all `steps` (so that panels line up), from `low` to `high` and as far as the values go."""
    values = [value for points in measured.values() for _, value in points]
    first, last = min(steps), max(max(steps), min(steps) + 1)
    across = ticks(first, last)
    series = [
        Series(name, COLOURS[at % len(COLOURS)], _thin_points(points))
        for at, (name, points) in enumerate(measured.items())
    ]
    whole = across if across[1] - across[0] >= 1 else [float(step) for step in range(first, last + 1)]
    return Panel(title, series, whole, ticks(min(low, *values), max(high, *values)))


def _thin_points(points: Points) -> Points:
    """Every n-th point, the last among them, where there are more than a picture can show."""
    every = math.ceil(len(points) / _MOST_POINTS)
    return points[(len(points) - 1) % every :: every] if points else []
