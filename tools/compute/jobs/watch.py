"""`nlp-skills watch`: every job of the workspace, live in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from ....resources.foundation.clock import now
from ....resources.foundation.errors import JobError
from ....resources.foundation.language import Text, several
from ....resources.job import JobState, job_folders
from ....resources.workspace import Workspace
from ..answers import JobLine
from .events import JobEvents
from .view import job_line
from .words import STATE_WORDS, duration, kind_name

_SHOWN = 20
_SECONDS = 1.0
_COLOURS: dict[JobState, str] = {
    "queued": "cyan",
    "unreachable": "yellow",
    "running": "bright_blue",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "dim",
    "interrupted": "yellow",
}


def watch(workspace: Workspace, once: bool = False, console: Console | None = None) -> None:
    """Show the newest jobs and keep showing them until Ctrl-C.

    Arguments:
        once: show them once and return; also so where the output is no terminal.
    """
    console = console or Console()
    look = _looker(workspace)
    if once or not console.is_terminal:
        console.print(look())
        return
    try:
        with Live(look(), console=console, auto_refresh=False, screen=False) as live:
            while True:
                time.sleep(_SECONDS)
                live.update(look(), refresh=True)
    except KeyboardInterrupt:
        print(file=sys.stderr)


def _looker(workspace: Workspace) -> Callable[[], Table]:
    """A function that gives the table of this moment; it reads only what was added to a job since its last look."""
    known: dict[str, JobEvents] = {}

    def look() -> Table:
        folders = job_folders(workspace)
        lines = []
        for folder in folders[:_SHOWN]:
            try:
                lines.append(job_line(folder, known.setdefault(folder.id, JobEvents(folder))))
            except (JobError, FileNotFoundError):  # removed, or mangled by hand, while we looked
                known.pop(folder.id, None)
        return _table(workspace, lines, len(folders))

    return look


def _table(workspace: Workspace, lines: list[JobLine], total: int) -> Table:
    title = Text(f"Jobs in {workspace.root}", f"{workspace.root} 的工作")
    shown = Text(
        f"{len(lines)} of {several(total, 'job')} · Ctrl-C ends the view, not the jobs",
        f"顯示 {len(lines)} 個，共 {total} 個工作 · 按 Ctrl-C 只結束畫面，工作會繼續",
    )
    table = Table(title=str(title), caption=str(shown), expand=True)
    for heading in (
        Text("Task", "任務"),
        Text("Job", "工作"),
        Text("State", "狀態"),
        Text("Progress", "進度"),
        Text("Measures", "指標"),
        Text("Left", "剩餘"),
        Text("Started", "開始"),
    ):
        table.add_column(str(heading), overflow="fold")
    for line in lines:
        table.add_row(
            line.task or "–",
            f"{kind_name(line.kind)}\n[dim]{line.id}[/dim]",
            f"[{_COLOURS[line.state]}]{STATE_WORDS[line.state]}[/]",
            _bar(line),
            _measures(line),
            duration(line.progress.eta_seconds) if line.progress.eta_seconds and line.state == "running" else "",
            _ago(line.created),
        )
    return table


def _bar(line: JobLine) -> Table | str:
    progress = line.progress
    if not progress.total:
        return progress.message or ""
    grid = Table.grid(padding=(0, 1))
    total, done = progress.total, progress.total if line.state == "succeeded" else progress.step
    grid.add_row(ProgressBar(total=total, completed=done, width=16), f"{progress.step}/{total}")
    return grid


def _measures(line: JobLine) -> str:
    return "\n".join(f"{name} {value:.4g}" for name, value in line.progress.measures.items() if value is not None)


def _ago(created: str) -> str:
    seconds = (datetime.fromisoformat(now()) - datetime.fromisoformat(created)).total_seconds()
    return str(Text(f"{duration(seconds)} ago", f"{duration(seconds)}前"))
