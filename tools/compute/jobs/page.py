"""`progress.html`: a job for people's eyes, in a browser or on a phone, without a network.

It asks for itself again until the job has ended. It says nothing that the events do not say, without secrets.
"""

from __future__ import annotations

from html import escape

from ....resources.foundation.clock import now
from ....resources.foundation.files import write_atomic
from ....resources.foundation.language import Text, speaking
from ....resources.job import ACTIVE_STATES, JobFolder, JobState
from .chart import Panel, measure_name, panels, tick_label
from .curve import draw_curve
from .events import JobEvents
from .redaction import without_secrets
from .words import STATE_WORDS, duration, kind_name

_REFRESH_SECONDS = 2
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 460, 230, 42, 12, 10, 36

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#667085;--line:#dfe3e8;--bar:#2f6fde}
@media (prefers-color-scheme:dark){:root{--page:#12161c;--card:#1b212a;--ink:#e8ecf1;--soft:#9aa5b4;--line:#303947;
--bar:#6b9cf2}}
*{box-sizing:border-box}
body{margin:0;padding:16px;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",
"PingFang TC","Microsoft JhengHei","Noto Sans CJK TC",sans-serif}
main{max-width:720px;margin:0 auto}
h1{font-size:1.3rem;margin:0 0 2px;overflow-wrap:anywhere}
h2{font-size:1rem;margin:0 0 8px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px;margin:12px 0}
.soft{color:var(--soft);font-size:.875rem;overflow-wrap:anywhere}
.state{display:inline-block;padding:1px 10px;border-radius:99px;color:#fff;background:#5b6675;font-size:.875rem}
.running{background:#2f6fde}.succeeded{background:#1b8754}.failed{background:#c2372e}.interrupted,.unreachable{background:#a86200}
.bar{height:12px;border-radius:6px;background:var(--line);overflow:hidden;margin:8px 0}
.bar div{height:100%;background:var(--bar)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:10px;margin:0}
dt{color:var(--soft);font-size:.8rem}dd{margin:0;font-size:1.1rem;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}
svg text{fill:var(--soft);font-size:12px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:6px;font-size:.875rem}
.legend i{display:inline-block;width:14px;height:3px;border-radius:2px;vertical-align:middle;margin-right:6px}
.warning{border-left:4px solid #d9920b;padding-left:10px;margin:6px 0;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font-size:.9rem}
"""


def refresh_views(folder: JobFolder, events: JobEvents | None = None, ended: bool = False) -> None:
    """Write `progress.html` and, where a measure was reported, `curve.png`, as the job stands now.

    Arguments:
        ended: only bring up to date a page that still says the job is going on.
    """
    if ended and (not folder.page_file.is_file() or _REFRESHING not in folder.page_file.read_text(encoding="utf-8")):
        return
    events = events or JobEvents(folder)
    with speaking(folder.spec().language):
        drawn = panels(events.points())
        write_atomic(folder.page_file, _page(folder, events, drawn))
        if drawn:
            draw_curve(folder.curve_file, drawn, f"{kind_name(folder.spec().kind)} · {folder.id}")


_REFRESHING = f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'


def _page(folder: JobFolder, events: JobEvents, drawn: list[Panel]) -> str:
    spec, state = folder.spec(), folder.state()
    task = folder.task()
    going_on = state in ACTIVE_STATES
    title = f"{kind_name(spec.kind)}{f' · {task.title() or task.name}' if task else ''}"
    body = "\n".join(
        [
            f'<h1>{escape(title)}</h1><p class="soft">{escape(folder.id)}</p>',
            _standing(events, state),
            *(chart_section(panel) for panel in drawn),
            _remarks(folder, events),
        ]
    )
    updated = now()
    silent = Text(
        "No news for two minutes: the job may have been interrupted. Ask job_status.",
        "已經兩分鐘沒有更新：工作可能中斷了，請用 job_status 查詢。",
    )
    watch = (
        f'<p class="warning" id="silent" hidden>{escape(str(silent))}</p>'
        f"<script>if(Date.now()-Date.parse('{updated}')>120000)document.getElementById('silent').hidden=false</script>"
    )
    return f"""<!doctype html>
<html lang="{spec.language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
{_REFRESHING if going_on else ""}
<title>{escape(str(STATE_WORDS[state]))} · {escape(title)}</title><style>{STYLE}</style></head>
<body><main>
{body}
{watch if going_on else ""}
<p class="soft">{escape(str(Text("Updated", "更新時間")))} {updated}<br>{escape(str(folder.root))}</p>
</main></body></html>
"""


def _standing(events: JobEvents, state: JobState) -> str:
    progress = events.progress()
    share = 1.0 if state == "succeeded" else progress.step / progress.total if progress.total else 0.0
    figures = {}
    if progress.step or progress.total:
        figures[str(Text("Step", "步驟"))] = f"{progress.step:,}" + (f" / {progress.total:,}" if progress.total else "")
    if progress.eta_seconds and state in ACTIVE_STATES:
        figures[str(Text("Time left", "剩餘時間"))] = duration(progress.eta_seconds)
    figures |= {
        str(measure_name(name)): f"{value:,.4g}" for name, value in progress.measures.items() if value is not None
    }
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in figures.items())
    message = escape(without_secrets(progress.message or ""))
    return (
        f'<section><span class="state {state}">{escape(str(STATE_WORDS[state]))}</span> {message}'
        f'<div class="bar"><div style="width:{min(share, 1):.1%}"></div></div><dl>{listed}</dl></section>'
    )


def chart_section(panel: Panel) -> str:
    """The panel as a section with inline SVG, in the call's language."""
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(step: float, value: float) -> tuple[float, float]:
        x, y = panel.place(step, value)
        return _LEFT + x * across, _TOP + y * down

    parts = []
    for value in panel.y_ticks:
        y = at(panel.x_ticks[0], value)[1]
        label = tick_label(value, panel.y_ticks)
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="var(--line)"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        )
    for step in panel.x_ticks:
        x = at(step, panel.y_ticks[0])[0]
        label = tick_label(step, panel.x_ticks)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 16}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{_LEFT + across / 2}" y="{_HEIGHT - 2}" text-anchor="middle">{Text("step", "步驟")}</text>')
    for series in panel.series:
        points = [at(step, value) for step, value in series.points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{series.colour}" stroke-width="2" stroke-linejoin="round"/>'
        )
        if len(points) <= 30:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{series.colour}"/>' for x, y in points]
    legend = "".join(
        f'<span><i style="background:{series.colour}"></i>{escape(str(measure_name(series.name)))} '
        f"{series.points[-1][1]:.4g}</span>"
        for series in panel.series
    )
    title = escape(str(panel.title))
    return (
        f'<section><h2>{title}</h2><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">'
        f'{"".join(parts)}</svg><div class="legend">{legend}</div></section>'
    )


def _remarks(folder: JobFolder, events: JobEvents) -> str:
    remarks = [f'<p class="warning">{escape(without_secrets(warning))}</p>' for warning in events.warnings()]
    if (ended := folder.exit()) and ended.error:
        told = f"{Text(**ended.error['problem'])}\n→ {Text(**ended.error['fix'])}"
        remarks.append(f"<pre>{escape(without_secrets(told))}</pre>")
    return f"<section>{''.join(remarks)}</section>" if remarks else ""
