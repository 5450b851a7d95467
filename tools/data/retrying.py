"""Asking again what failed for a reason that passes: a server that restarts, is full, or was out of reach."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from ...resources.foundation.errors import DataSourceError
from .watching import Watch

_Got = TypeVar("_Got")
_LONGEST_PAUSE = 30.0


class TransientError(DataSourceError):
    """A failure that may be over in a moment."""


def retry(ask: Callable[[], _Got], retries: int, first_pause: float, watch: Watch) -> _Got:
    """What `ask` returns, asked again after `TransientError`; the pause doubles each time.

    Raises:
        TransientError: it was still so after the last retry; whatever else `ask` raises.
        Cancelled: the person asked to stop.
    """
    for attempt in range(retries):
        try:
            return ask()
        except TransientError:
            watch.count("retries")
            watch.pause(min(first_pause * 2**attempt * random.uniform(0.75, 1.25), _LONGEST_PAUSE))
    return ask()
