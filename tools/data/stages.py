"""The stages of preparing data as a job's progress, with the time left.

Stages differ by orders of magnitude, so their number says nothing about time. What each took the last time, and how
many rows there were then, is kept in the task's cache; the first time a stage is told by the rows that there are, and
a fetch by the rows that its source says it will give.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...resources.foundation.files import read_json, write_json
from ...resources.foundation.language import Text
from ..compute.jobs.running import RunningJob
from .expense import Allowance
from .watching import Watch

_SECONDS_A_ROW = {
    "convert": 1e-4,
    "split": 1e-4,
    "validate": 1e-3,
    "commit": 1e-4,
}  # on the safe side of what was measured
_TICK_SECONDS = 1.0


class _Took(NamedTuple):
    seconds: float
    rows: int


class Stages:
    """The job's progress in whole stages, cancellation looked for at each.

    Arguments:
        keys: the name of every stage, in order; those of the last run are told by it.
        kept: the file that holds what the stages took.
        allowance: the sum that the person has said yes to, for what sources cost; 0 for nothing.
    """

    def __init__(self, job: RunningJob, keys: Sequence[str], kept: Path, allowance: Allowance) -> None:
        self._job, self._keys, self._kept = job, list(keys), kept
        self._before = _read(kept)
        self._took: dict[str, _Took] = {}
        self._at = -1
        self._rows = self._rows_here = 0
        self._message: Text | None = None
        self._began = self._told = time.monotonic()
        self._allowance = allowance
        self.watch = self._new_watch()

    def begin(self, message: Text) -> None:
        """The next stage begins."""
        self._end()
        self._at += 1
        self._began, self._rows_here = time.monotonic(), 0
        self.watch = self._new_watch()
        self._tell(message)

    def _new_watch(self) -> Watch:
        """What one source notes must not be noted of the next; the sum agreed to is for all."""
        return Watch(
            self._job.check_cancelled,
            self._job.warn,
            self._allowance.most > 0,
            self._allowance,
            self._kept.parent / "pages",
        )

    def within(self, message: Text, rows: int) -> None:
        """The stage, a fetch, has so many rows by now."""
        self._rows_here = rows
        self._tell(message, rows=float(rows))

    def tick(self) -> None:
        """Called often while a stage is at work: says now and then that time passes."""
        self._job.check_cancelled()
        if self._message and time.monotonic() - self._told >= _TICK_SECONDS:
            self._tell(self._message)

    def finish(self) -> None:
        """The last stage is over: what each took is kept for the next time."""
        self._end()
        with suppress(OSError):
            write_json(self._kept, {"format": 1, "stages": {key: took._asdict() for key, took in self._took.items()}})

    def _end(self) -> None:
        if self._at >= 0:
            self._rows += self._rows_here
            self._took[self._keys[self._at]] = _Took(time.monotonic() - self._began, self._rows_here or self._rows)

    def _tell(self, message: Text, **measures: float) -> None:
        self._message, self._told = message, time.monotonic()
        self._job.progress(self._at, len(self._keys), message, even=False, eta=self._seconds_left(), **measures)

    def _seconds_left(self) -> float | None:
        """Seconds: of this stage and of those that follow; None while nothing tells how long a fetch takes."""
        here = self._left_here()
        later = [self._usual(key) for key in self._keys[self._at + 1 :]]
        if here is None or any(seconds is None for seconds in later):
            return None
        return here + sum(seconds for seconds in later if seconds is not None)

    def _left_here(self) -> float | None:
        gone, key = time.monotonic() - self._began, self._keys[self._at]
        expected = self._expected_here()
        if self._rows_here and expected:
            return gone / self._rows_here * max(0, expected - self._rows_here)
        usual = self._usual(key)
        return None if usual is None else max(0.0, usual - gone)

    def _expected_here(self) -> int:
        """How many rows this stage will have fetched; 0 where nothing tells."""
        before = self._before.get(self._keys[self._at])
        return 0 if self._keys[self._at] in _SECONDS_A_ROW else self.watch.expected or (before.rows if before else 0)

    def _usual(self, key: str) -> float | None:
        before, rows = self._before.get(key), self._rows + max(self._rows_here, self._expected_here())
        if key in _SECONDS_A_ROW:
            known = before.seconds / before.rows if before and before.rows else _SECONDS_A_ROW[key]
            return known * (rows or (before.rows if before else 0))
        return before.seconds if before else None


def _read(file: Path) -> dict[str, _Took]:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        return {
            str(key): _Took(float(took["seconds"]), int(took["rows"]))
            for key, took in read_json(file)["stages"].items()
        }
    return {}
