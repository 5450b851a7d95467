"""Values between 0 and 1 with their 95 % intervals: below each other on one axis, and as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..foundation.language import Text
from .axes import tick_label, ticks
from .markup import Content, Html, tag


class Point(NamedTuple):
    """One row of a forest plot: a value between 0 and 1, its interval where it has one."""

    title: Content
    value: float
    low: float | None = None
    high: float | None = None
    own: bool = False


def forest(points: Sequence[Point], label: Text, goal: float | None = None) -> Html:
    """The points below each other on one axis, the goal as a line through all of them."""
    shown = [one for point in points for one in (point.value, point.low, point.high) if one is not None]
    marks = ticks(
        max(0.0, min([*shown, *([goal] if goal is not None else [])]) - 0.02),
        min(1.0, max([*shown, *([goal] if goal is not None else [])]) + 0.02),
    )
    marks = [mark for mark in marks if -1e-9 <= mark <= 1 + 1e-9]
    first, last = marks[0], marks[-1]

    def at(value: float) -> str:
        return f"{100 * (value - first) / (last - first):.2f}%"

    line = tag("i", class_="goal", style=f"left:{at(goal)}") if goal is not None else None
    rows = []
    for point in points:
        drawn: list[Content] = [line]
        if point.low is not None and point.high is not None:
            drawn.append(tag("i", class_="interval", style=f"left:{at(point.low)};right:calc(100% - {at(point.high)})"))
        drawn.append(tag("i", class_="point", style=f"left:{at(point.value)}"))
        rows.append(
            tag(
                "tr",
                tag("th", point.title, scope="row"),
                tag("td", tag("div", drawn, class_="track")),
                tag("td", number(point.value), class_="n"),
                tag("td", interval(point.low, point.high), class_="n soft"),
                class_="own" if point.own else None,
            )
        )
    axis = tag(
        "div",
        (tag("span", tick_label(mark, marks), style=f"left:{at(mark)}") for mark in marks),
        class_="axis",
        aria_hidden="true",
    )
    foot = tag("tr", tag("td"), tag("td", axis), tag("td"), tag("td"), class_="foot")
    head = tag(
        "tr",
        tag("td"),
        tag("td"),
        tag("th", Text("value", "分數"), scope="col", class_="n"),
        tag("th", Text("95 % interval", "95% 信賴區間"), scope="col", class_="n"),
    )
    return tag("table", tag("thead", head), tag("tbody", rows), tag("tfoot", foot), class_="forest", aria_label=label)


def bar(value: float, low: float | None, high: float | None) -> Html:
    """A bar from 0 to 1 with its interval as a whisker."""
    whisker = None
    if low is not None and high is not None:
        whisker = tag("i", class_="interval", style=f"left:{low:.2%};right:{1 - high:.2%}")
    return tag("span", tag("i", class_="fill", style=f"width:{value:.2%}"), whisker, class_="bar", aria_hidden="true")


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3f}–{high:.3f}"
