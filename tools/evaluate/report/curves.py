"""The training's curves from the version's own events: losses, scores on validation rows, learning rate.

Lines are drawn in a stretched SVG whose strokes keep their width, and the axes' labels stand beside it as text: so a
chart is as readable on a phone as on a wide screen, without a script. The script adds the values under the pointer.
"""

from __future__ import annotations

import math

from ....resources.foundation.language import Text
from ....resources.job import JobFolder
from ...compute.jobs.chart import Panel, measure_name, panel_of, tick_label
from ...compute.jobs.events import JobEvents
from .markup import Html, html, json_script, table, tag
from .material import Material

Points = list[tuple[int, float]]
_SMOOTHED = 40  # from this many points on, a mean is drawn through the noise
_SHARE = 20  # of all points in one mean
_TABLE_ROWS = 20
_SCALE = 1000


def curves(material: Material) -> Html:
    folder = material.folder
    points = JobEvents(JobFolder(folder.root)).points() if folder.events_file.is_file() else {}
    points = {
        name: sound
        for name, values in points.items()
        if (sound := [(step, value) for step, value in values if math.isfinite(value)])
    }
    losses = {name: values for name, values in points.items() if name.endswith("loss")}
    scores = {
        name: values
        for name, values in points.items()
        if name.startswith(("eval_", "valid_")) and name not in losses and _is_share(values)
    }
    rates = {name: values for name, values in points.items() if name == "learning_rate"}
    steps = [step for values in points.values() for step, _ in values]
    if not losses and not scores:
        return tag("p", Text("The training left no curves here.", "這裡沒有訓練曲線的紀錄。"))
    kept = folder.model_info().training.best_step
    drawn = [
        *(
            [_chart("loss", panel_of(Text("Loss (less is better)", "損失（越低越好）"), losses, steps), kept)]
            if losses
            else []
        ),
        *(
            [
                _chart(
                    "scores",
                    panel_of(Text("Scores on validation rows", "驗證資料上的分數"), scores, steps, 0.0, 1.0),
                    kept,
                )
            ]
            if scores
            else []
        ),
        *([_chart("rate", panel_of(Text("Learning rate", "學習率"), rates, steps), None)] if rates else []),
    ]
    said = Text(f"The model kept is that of step {kept}.", f"保留的是第 {kept} 步的模型。") if kept else Text("", "")
    return html(drawn, tag("p", said, class_="note") if kept else None)


def _is_share(values: Points) -> bool:
    return all(0 <= value <= 1 for _, value in values)


def _chart(name: str, drawn: Panel, kept: int | None) -> Html:
    """One pair of axes as a figure."""
    lines, legend, data = [], [], []
    for place, series in enumerate(drawn.series):
        colour = f"var(--series-{place % 4 + 1})"
        noisy = series.name.endswith("loss") and len(series.points) >= _SMOOTHED
        lines += [_line(drawn, series.points, colour, "noise" if noisy else None)]
        if noisy:
            lines.append(_line(drawn, _mean(series.points), colour, None))
        elif len(series.points) < _SMOOTHED:
            lines.append(_dots(drawn, series.points, colour))
        title = measure_name(series.name)
        if noisy:
            width = _width(series.points)
            title = Text(
                f"{title.en} (thin), its mean over {width} points (bold)", f"{title.zh}（細線），{width} 點平均（粗線）"
            )
        legend.append(tag("li", tag("i", style=f"background:{colour}", class_=f"dash-{place % 4 + 1}"), title))
        data.append({"en": measure_name(series.name).en, "zh": measure_name(series.name).zh, "points": series.points})
    mark = None
    if kept and drawn.x_ticks[0] <= kept <= drawn.x_ticks[-1]:
        x = _at(drawn, kept, drawn.y_ticks[0])[0]
        mark = tag("line", x1=x, x2=x, y1=0, y2=_SCALE, class_="kept")
    heights = [_at(drawn, drawn.x_ticks[0], tick)[1] for tick in drawn.y_ticks]
    grid = [tag("line", x1=0, x2=_SCALE, y1=y, y2=y, class_="grid") for y in heights]
    svg = tag(
        "svg", grid, mark, lines, viewBox=f"0 0 {_SCALE} {_SCALE}", preserveAspectRatio="none", aria_hidden="true"
    )
    ys = [
        tag("span", tick_label(tick, drawn.y_ticks), style=f"top:{y / 10:.2f}%")
        for tick, y in zip(drawn.y_ticks, heights, strict=True)
    ]
    xs = [
        tag("span", tick_label(tick, drawn.x_ticks), style=f"left:{_at(drawn, tick, drawn.y_ticks[0])[0] / 10:.2f}%")
        for tick in drawn.x_ticks
    ]
    extent = {"x": [drawn.x_ticks[0], drawn.x_ticks[-1]], "y": [drawn.y_ticks[0], drawn.y_ticks[-1]], "series": data}
    plot = tag(
        "div",
        tag("div", ys, class_="y", aria_hidden="true"),
        tag(
            "div",
            svg,
            tag("i", class_="cursor", hidden=True),
            class_="area",
            tabindex=0,
            role="group",
            aria_label=Text(f"{drawn.title.en}: arrow keys read the values", f"{drawn.title.zh}：用方向鍵讀取數值"),
        ),
        tag("div", xs, class_="x", aria_hidden="true"),
        class_="plot",
    )
    return tag(
        "figure",
        tag("figcaption", drawn.title),
        plot,
        tag("p", Text("step", "步驟"), class_="axis-title"),
        tag("ul", legend, class_="legend"),
        tag("p", class_="reading", aria_live="polite"),
        _values(drawn),
        json_script(f"chart-{name}", extent),
        class_="chart",
        data_chart=f"chart-{name}",
    )


def _at(drawn: Panel, step: float, value: float) -> tuple[float, float]:
    x, y = drawn.place(step, value)
    return round(_SCALE * x, 1), round(_SCALE * y, 1)


def _line(drawn: Panel, points: Points, colour: str, class_: str | None) -> Html:
    placed = " ".join("{},{}".format(*_at(drawn, *point)) for point in points)
    return tag("polyline", points=placed, style=f"stroke:{colour}", class_=class_)


def _dots(drawn: Panel, points: Points, colour: str) -> Html:
    """Round dots: strokes without length, whose round ends keep their shape in a stretched drawing."""
    placed = "".join("M{} {}h0".format(*_at(drawn, *point)) for point in points)
    return tag("path", d=placed, style=f"stroke:{colour}", class_="dots")


def _width(points: Points) -> int:
    return max(3, len(points) // _SHARE)


def _mean(points: Points) -> Points:
    """A centred moving mean, narrower at the ends."""
    half = _width(points) // 2
    found = []
    for place, (step, _) in enumerate(points):
        reach = min(half, place, len(points) - 1 - place)
        near = [value for _, value in points[place - reach : place + reach + 1]]
        found.append((step, sum(near) / len(near)))
    return found


def _values(drawn: Panel) -> Html:
    """The same as a table, at about twenty steps."""
    by_step: dict[int, dict[str, float]] = {}
    for series in drawn.series:
        for step, value in series.points:
            by_step.setdefault(step, {})[series.name] = value
    steps = sorted(by_step)
    every = math.ceil(len(steps) / _TABLE_ROWS)
    rare = {step for series in drawn.series if len(series.points) <= _TABLE_ROWS for step, _ in series.points}
    chosen = [step for place, step in enumerate(steps) if step in rare or (len(steps) - 1 - place) % every == 0]
    head = [
        tag("th", Text("step", "步驟"), scope="col", class_="n"),
        *(tag("th", measure_name(series.name), scope="col", class_="n") for series in drawn.series),
    ]
    rows = [
        tag(
            "tr",
            tag("td", step, class_="n"),
            (
                tag("td", f"{by_step[step][series.name]:.4g}" if series.name in by_step[step] else "", class_="n")
                for series in drawn.series
            ),
        )
        for step in chosen
    ]
    return tag("details", tag("summary", Text("As a table", "以表格顯示")), table(head, rows, drawn.title))
