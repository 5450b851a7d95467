"""`progress.html`: a job for people's eyes, in a browser or on a phone, without a network.

It asks for itself again until the job has ended. It says nothing that the events do not say, without secrets.
"""

from __future__ import annotations

from pathlib import Path

from ....resources.foundation.clock import now
from ....resources.foundation.files import write_atomic
from ....resources.foundation.language import Text, speaking
from ....resources.job import ACTIVE_STATES, JobFolder, JobState
from ....resources.pages.axes import Panel
from ....resources.pages.charts import dots, legend, line, plot
from ....resources.pages.markup import Content, Html, definitions, tag
from ....resources.pages.page import chart_style, document, read_asset, refreshing
from .curve import draw_curve
from .events import JobEvents
from .measures import measure_name, panels
from .redaction import without_secrets
from .words import STATE_WORDS, duration, kind_name

_REFRESH_SECONDS = 2
_STYLE = Path(__file__).with_name("page.css")
_MOST_DOTS = 30
_SILENCE = "if(Date.now()-Date.parse('UPDATED')>120000)document.getElementById('silent').hidden=false"  # milliseconds


def refresh_views(folder: JobFolder, events: JobEvents | None = None, ended: bool = False) -> None:
    """Write `progress.html` and, where a measure was reported, `curve.png`, as the job stands now.

    Arguments:
        ended: only bring up to date a page that still says the job is going on.
    """
    if ended and (
        not folder.page_file.is_file()
        or refreshing(_REFRESH_SECONDS) not in folder.page_file.read_text(encoding="utf-8")
    ):
        return
    events = events or JobEvents(folder)
    with speaking(folder.spec().language):
        drawn = panels(events.points())
        write_atomic(folder.page_file, _page(folder, events, drawn))
        if drawn:
            draw_curve(folder.curve_file, drawn, f"{kind_name(folder.spec().kind)} · {folder.id}")


def _page(folder: JobFolder, events: JobEvents, drawn: list[Panel]) -> str:
    spec, state = folder.spec(), folder.state()
    task, updated = folder.task(), now()
    title = f"{kind_name(spec.kind)}{f' · {task.title() or task.name}' if task else ''}"
    going_on = state in ACTIVE_STATES
    return document(
        tag(
            "main",
            tag("h1", title),
            tag("p", folder.id, class_="soft"),
            _standing(events, state),
            map(chart_section, drawn),
            _remarks(folder, events),
            _silence() if going_on else None,
            tag("p", f"{Text('Updated', '更新時間')} {updated}", tag("br"), str(folder.root), class_="soft"),
        ),
        title=f"{STATE_WORDS[state]} · {title}",
        language=spec.language,
        style=chart_style() + read_asset(_STYLE),
        script=_SILENCE.replace("UPDATED", updated) if going_on else "",
        refresh_seconds=_REFRESH_SECONDS if going_on else None,
    )


def _silence() -> Html:
    """What the page says when nothing has rewritten it for two minutes."""
    said = Text(
        "No news for two minutes: the job may have been interrupted. Ask job_status.",
        "已經兩分鐘沒有更新：工作可能中斷了，請用 job_status 查詢。",
    )
    return tag("p", str(said), class_="warning", id="silent", hidden=True)


def _standing(events: JobEvents, state: JobState) -> Html:
    progress = events.progress()
    share = 1.0 if state == "succeeded" else progress.step / progress.total if progress.total else 0.0
    figures: dict[str, Content] = {}
    if progress.step or progress.total:
        figures[str(Text("Step", "步驟"))] = f"{progress.step:,}" + (f" / {progress.total:,}" if progress.total else "")
    if progress.eta_seconds and state in ACTIVE_STATES:
        figures[str(Text("Time left", "剩餘時間"))] = duration(progress.eta_seconds)
    figures |= {
        str(measure_name(name)): f"{value:,.4g}" for name, value in progress.measures.items() if value is not None
    }
    return tag(
        "section",
        tag("span", str(STATE_WORDS[state]), class_=f"state {state}"),
        f" {without_secrets(progress.message or '')}",
        tag("div", tag("div", style=f"width:{min(share, 1):.1%}"), class_="progress"),
        definitions(figures),
    )


def chart_section(panel: Panel) -> Html:
    """The panel as a section, in the call's language."""
    strokes = []
    for series in panel.series:
        strokes.append(line(panel, series.points, series.colour))
        if len(series.points) <= _MOST_DOTS:
            strokes.append(dots(panel, series.points, series.colour))
    known = ((series.colour, f"{measure_name(series.name)} {series.points[-1][1]:.4g}") for series in panel.series)
    title = str(panel.title)
    return tag(
        "section",
        tag("h2", title),
        plot(panel, strokes, title),
        tag("p", str(Text("step", "步驟")), class_="axis-title"),
        legend(known),
    )


def _remarks(folder: JobFolder, events: JobEvents) -> Html | None:
    remarks = [tag("p", without_secrets(warning), class_="warning") for warning in events.warnings()]
    if (ended := folder.exit()) and ended.error:
        told = f"{Text(**ended.error['problem'])}\n→ {Text(**ended.error['fix'])}"
        remarks.append(tag("pre", without_secrets(told)))
    return tag("section", remarks) if remarks else None
