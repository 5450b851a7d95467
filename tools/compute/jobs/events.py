"""What a job has said so far, read from its `events.jsonl` a piece at a time."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

from ....resources.foundation.language import Text
from ....resources.job import JobFolder, Progress
from ....resources.job_event import JobEvent, parse_event, read_events


def close_torn_line(file: Path) -> None:
    """Cut what a writer left behind when it was killed inside a line, so that the next event starts on its own."""
    with contextlib.suppress(FileNotFoundError), file.open("r+b") as events:
        content = events.read()
        events.truncate(content.rfind(b"\n") + 1)


def worked_seconds(folder: JobFolder) -> float:
    """How long a job was at work in all its runs, from its events: neither in line, nor between an interruption and the
    run that carried on."""
    total, since, last = 0.0, None, None
    for event in read_events(folder.events_file):
        if not event.time:
            continue
        moment = datetime.fromisoformat(event.time)
        if event.kind in ("started", "queued", "resumed"):
            until = moment if event.kind == "queued" else last
            total += (until - since).total_seconds() if since and until else 0.0
            since = moment if event.kind == "started" else None
        elif event.kind == "turn":
            since = moment
        last = moment
    return total + ((last - since).total_seconds() if since and last else 0.0)


class JobEvents:
    """The events of one job; each look reads only what was appended since the last one."""

    def __init__(self, folder: JobFolder) -> None:
        self._file = folder.events_file
        self._offset = 0
        self._latest: JobEvent | None = None
        self._measures: dict[str, float | None] = {}
        self._warnings: list[Text] = []
        self._points: dict[str, dict[int, float]] = {}
        self._step = 0

    def progress(self) -> Progress:
        """The newest progress, its message in the language of the call, each measure at its newest value."""
        self._read()
        latest = self._latest
        if latest is None:
            return Progress()
        return Progress(
            step=latest.step or 0,
            total=latest.total,
            message=str(latest.text) if latest.text else None,
            eta_seconds=latest.eta_seconds,
            measures=self._measures,
        )

    def warnings(self) -> list[str]:
        """The warnings of the newest run of the job, in the language of the call."""
        self._read()
        return [str(warning) for warning in self._warnings]

    def points(self) -> dict[str, list[tuple[int, float]]]:
        """Every measure as (step, value), ascending; steps that a resumed run does again replace the earlier ones."""
        self._read()
        return {name: sorted(points.items()) for name, points in self._points.items() if points}

    def _read(self) -> None:
        try:
            with self._file.open("rb") as file:
                file.seek(self._offset)
                appended = file.read()
        except FileNotFoundError:
            return
        whole = appended[: appended.rfind(b"\n") + 1]  # a torn last line is read once it is whole
        self._offset += len(whole)
        for line in whole.splitlines():
            if event := parse_event(line):  # else torn by a kill, then continued by the run that resumed
                self._take(event)

    def _take(self, event: JobEvent) -> None:
        if event.kind == "progress":
            self._take_progress(event)
        elif event.kind == "warning" and event.text:
            self._warnings.append(event.text)
        elif event.kind == "started":
            self._warnings.clear()

    def _take_progress(self, event: JobEvent) -> None:
        step, measures = event.step or 0, event.measures or {}
        if measures and step < self._step:  # resumed from a checkpoint: what came after it did not count
            for points in self._points.values():
                for later in [at for at in points if at > step]:
                    del points[later]
        if measures:  # an event without any counts something else: files checked, bytes carried
            self._step = step
        for name, value in measures.items():
            if value is not None:
                self._points.setdefault(name, {})[step] = value
        self._latest = event
        self._measures = {**self._measures, **measures}
