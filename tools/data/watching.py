"""What a source may say while it reads, and how it hears that it should stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from .expense import Allowance
from .places import Places

_LOOK_SECONDS = 0.25


class Watch:
    """Handed to a source with each reading.

    Arguments:
        check: raises `Cancelled` when the person asked for the job to stop.
        warn: tells the person something that does not stop the reading.
        agreed: whether the person has said yes to what it costs.
        allowance: the sum they said yes to; without it, whatever it is.
        keep: the folder in which a source may leave what it read, for the reading after one that broke off.

    `expected` is how many rows it will give in all, where a source knows that beforehand.
    `provenance` is what the source adds to the record beside its rows: how it was asked, what it met; no secrets.
    `notes` is what it told of how it is read. `places` is where each record stood, where the source says so.
    """

    def __init__(
        self,
        check: Callable[[], None] = lambda: None,
        warn: Callable[[Text], None] = lambda message: None,
        agreed: bool = False,
        allowance: Allowance | None = None,
        keep: Path | None = None,
    ) -> None:
        self.check = check
        self.warn = warn
        self.agreed = agreed
        self.allowance = allowance or Allowance()
        self.keep = keep
        self.expected: int | None = None
        self.provenance: JsonObject = {}
        self.notes: list[Text] = []
        self.places = Places()

    def note(self, message: Text) -> None:
        """Tell the person how the source is read, where that is not plain; once."""
        if message not in self.notes:
            self.notes.append(message)
            self.warn(message)

    def incomplete(self, message: Text) -> None:
        """Say that the source did not give all it has; that stands in the answer too, and beside the rows."""
        self.provenance.setdefault("incomplete", []).append(message._asdict())
        self.warn(message)

    def count(self, name: str, more: int = 1) -> None:
        """Add to a figure of the provenance, such as `requests`."""
        self.provenance[name] = self.provenance.get(name, 0) + more

    def pause(self, seconds: float) -> None:
        """Wait, looking now and then whether to stop."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _LOOK_SECONDS))
        self.check()
