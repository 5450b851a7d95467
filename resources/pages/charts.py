"""Curves on a pair of axes, as markup.

Lines are drawn in a stretched SVG whose strokes keep their width, and the axes' labels stand beside it as text: so a
chart is as readable on a phone as on a wide screen, without a script.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..foundation.language import Text
from .axes import Panel, Points, tick_label
from .markup import Content, Html, tag

_SCALE = 1000


def plot(
    panel: Panel, strokes: Iterable[Html], label: Text | str, mark: float | None = None, cursor: bool = False
) -> Html:
    """The panel's axes with `strokes` (see `line` and `dots`) on them.

    Arguments:
        label: what the plot is, for those who cannot see it.
        mark: a step to draw an upright line at, where it is on the axis.
        cursor: whether the page's script reads values under the pointer.
    """
    marked = None
    if mark is not None and panel.x_ticks[0] <= mark <= panel.x_ticks[-1]:
        x = _at(panel, mark, panel.y_ticks[0])[0]
        marked = tag("line", x1=x, x2=x, y1=0, y2=_SCALE, class_="kept")
    heights = [_at(panel, panel.x_ticks[0], tick)[1] for tick in panel.y_ticks]
    grid = [tag("line", x1=0, x2=_SCALE, y1=y, y2=y, class_="grid") for y in heights]
    drawing = tag(
        "svg", grid, marked, strokes, viewBox=f"0 0 {_SCALE} {_SCALE}", preserveAspectRatio="none", aria_hidden="true"
    )
    ys = [
        tag("span", tick_label(tick, panel.y_ticks), style=f"top:{y / 10:.2f}%")
        for tick, y in zip(panel.y_ticks, heights, strict=True)
    ]
    xs = [
        tag("span", tick_label(tick, panel.x_ticks), style=f"left:{_at(panel, tick, panel.y_ticks[0])[0] / 10:.2f}%")
        for tick in panel.x_ticks
    ]
    area = (
        tag(
            "div",
            drawing,
            tag("i", class_="cursor", hidden=True),
            class_="area",
            tabindex=0,
            role="group",
            aria_label=label,
        )
        if cursor
        else tag("div", drawing, class_="area", role="img", aria_label=label)
    )
    return tag(
        "div",
        tag("div", ys, class_="y", aria_hidden="true"),
        area,
        tag("div", xs, class_="x", aria_hidden="true"),
        class_="plot",
    )


def line(panel: Panel, points: Points, colour: str, class_: str | None = None) -> Html:
    placed = " ".join("{},{}".format(*_at(panel, *point)) for point in points)
    return tag("polyline", points=placed, style=f"stroke:{colour}", class_=class_)


def dots(panel: Panel, points: Points, colour: str) -> Html:
    """Round dots: strokes without length, whose round ends keep their shape in a stretched drawing."""
    placed = "".join("M{} {}h0".format(*_at(panel, *point)) for point in points)
    return tag("path", d=placed, style=f"stroke:{colour}", class_="dots")


def legend(entries: Iterable[tuple[str, Content]]) -> Html:
    """What each colour stands for."""
    return tag(
        "ul", (tag("li", tag("i", style=f"background:{colour}"), said) for colour, said in entries), class_="legend"
    )


def _at(panel: Panel, step: float, value: float) -> tuple[float, float]:
    x, y = panel.place(step, value)
    return round(_SCALE * x, 1), round(_SCALE * y, 1)
