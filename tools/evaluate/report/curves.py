"""The training's curves from the version's own events: losses, scores on validation rows, learning rate.

The report's script adds the values under the pointer.
"""

from __future__ import annotations

import math

from ....resources.foundation.language import Text
from ....resources.job import JobFolder
from ....resources.pages.axes import Panel, Points, panel_of
from ....resources.pages.charts import dots, legend, line, plot
from ....resources.pages.markup import Html, html, json_script, table, tag
from ...compute.jobs.events import JobEvents
from ...compute.jobs.measures import measure_name
from .material import Material

_SMOOTHED = 40  # from this many points on, a mean is drawn through the noise
_SHARE = 20  # of all points in one mean
_TABLE_ROWS = 20


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
    said = (
        Text(f"The checkpoint kept is that of step {kept}.", f"保留的是第 {kept} 步的模型。") if kept else Text("", "")
    )
    return html(drawn, tag("p", said, class_="note") if kept else None)


def _is_share(values: Points) -> bool:
    return all(0 <= value <= 1 for _, value in values)


def _chart(name: str, drawn: Panel, kept: int | None) -> Html:
    """One pair of axes as a figure."""
    strokes, known, data = [], [], []
    for place, series in enumerate(drawn.series):
        colour = f"var(--series-{place % 4 + 1})"
        noisy = series.name.endswith("loss") and len(series.points) >= _SMOOTHED
        strokes.append(line(drawn, series.points, colour, "noise" if noisy else None))
        if noisy:
            strokes.append(line(drawn, _mean(series.points), colour))
        elif len(series.points) < _SMOOTHED:
            strokes.append(dots(drawn, series.points, colour))
        title = measure_name(series.name)
        data.append({"en": title.en, "zh": title.zh, "points": series.points})
        if noisy:
            width = _width(series.points)
            title += Text(f" (thin), its mean over {width} points (bold)", f"（細線），{width} 點平均（粗線）")
        known.append((colour, title))
    label = drawn.title + Text(": arrow keys read the values", "：用方向鍵讀取數值")
    extent = {"x": [drawn.x_ticks[0], drawn.x_ticks[-1]], "y": [drawn.y_ticks[0], drawn.y_ticks[-1]], "series": data}
    return tag(
        "figure",
        tag("figcaption", drawn.title),
        plot(drawn, strokes, label, mark=kept, cursor=True),
        tag("p", Text("step", "步驟"), class_="axis-title"),
        legend(known),
        tag("p", class_="reading", aria_live="polite"),
        _values(drawn),
        json_script(f"chart-{name}", extent),
        class_="chart",
        data_chart=f"chart-{name}",
    )


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
