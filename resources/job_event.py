"""A line of `events.jsonl`: what a job said while it ran."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .foundation.clock import now
from .foundation.files import append_jsonl
from .foundation.language import Text
from .record import Number, Record


class JobEvent(Record):
    """One event. Which fields it has follows from its `kind`.

    Arguments:
        kind: `progress`, `warning`, `queued`, `turn`, `started`, `resumed`, `cancel_requested`, `ended`, …
        step: of `total`, in the job's own unit.
        eta_seconds: seconds left.
        measures: such as `loss`; null where the figure was not finite.
        message: what is said, by language.
        devices: what it holds since its turn came.
        file: a person's own, that the job runs as it stands; `sha256` is its hash.
        events: how much of the events of the machine it was sent to were read, in bytes; `log`: of what it printed.
    """

    time: str = ""
    kind: str
    step: int | None = None
    total: int | None = None
    eta_seconds: Number | None = None
    measures: dict[str, Number | None] | None = None
    message: dict[str, str] | None = None
    pid: int | None = None
    state: str | None = None
    devices: list[str] | None = None
    version: str | None = None
    checkpoint: str | None = None
    file: str | None = None
    sha256: str | None = None
    cluster: str | None = None
    events: int | None = None
    log: int | None = None

    @property
    def text(self) -> Text | None:
        return Text(self.message.get("en", ""), self.message.get("zh", "")) if self.message else None


def parse_event(line: bytes) -> JobEvent | None:
    """The event that a line holds; None of one that a kill tore."""
    with contextlib.suppress(ValueError, TypeError, ValidationError):
        return JobEvent.model_validate(JobEvent.migrate(json.loads(line)))
    return None


def read_events(file: Path) -> Iterator[JobEvent]:
    """The events that stand in `file`, oldest first; none where it is not there. Lines that a kill tore are left out."""
    if not file.is_file():
        return
    with file.open("rb") as lines:
        for line in lines:
            if event := parse_event(line):
                yield event


def append_event(events: Path, kind: str, /, **fields: Any) -> None:
    """Append an event of now; every value must be JSON-serialisable."""
    append_jsonl(events, {"time": now(), "kind": kind, **fields})
