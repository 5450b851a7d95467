"""How long work has taken in all its runs: a job that was killed and resumed counts what it did before, too.

    {"format": 1, "seconds": 412.6, "counts": {"tokens": 81920, …}}     of the runs that have ended

A run that is killed outright loses what it did since the last `keep`, at most `_KEEP_SECONDS` and a step of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ....resources.foundation.files import read_json

_KEEP_SECONDS = 2.0


class Stopwatch:
    """The time of this run on top of that of the runs before it, with what else adds up (`counts`).

    Arguments:
        file: where it is kept between runs; goes with the work that it measures.
        keeps: whether this process writes it; of several that share the work one does.
    """

    def __init__(self, file: Path, keeps: bool = True) -> None:
        self._file, self._keeps = file, keeps
        self._before, self._counts_before = _read(file)
        self._began: float | None = None
        self._kept = time.monotonic()
        self._counts: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return self._before + (time.monotonic() - self._began if self._began is not None else 0.0)

    def total(self, name: str) -> float:
        """What has been counted under that name in all runs."""
        return self._counts_before.get(name, 0.0) + self._counts.get(name, 0.0)

    def count(self, **figures: float) -> None:
        """What this run has counted so far; kept now and then."""
        self._counts |= figures
        if time.monotonic() - self._kept >= _KEEP_SECONDS:
            self.keep()

    def keep(self) -> None:
        """Write it down. Not flushed to the disk: a clock may forget a moment, and must not slow the work."""
        if not self._keeps:
            return
        self._kept = time.monotonic()
        names = {*self._counts_before, *self._counts}
        content = {"format": 1, "seconds": round(self.seconds, 3), "counts": {name: self.total(name) for name in names}}
        temporary = self._file.with_name(f".{self._file.name}.tmp")
        with suppress(OSError):  # a full disk is told of by the work itself
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content), encoding="utf-8")
            os.replace(temporary, self._file)

    @contextmanager
    def running(self) -> Iterator[Stopwatch]:
        """Runs inside the block; kept however that ends."""
        self._began = time.monotonic()
        try:
            yield self
        finally:
            self._before, self._began = self.seconds, None
            self.keep()


def _read(file: Path) -> tuple[float, dict[str, float]]:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        content = read_json(file)
        return float(content["seconds"]), {str(name): float(value) for name, value in content["counts"].items()}
    return 0.0, {}
