"""Which process a recorded pid means: a pid alone is reused, a pid with its start is not."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

import psutil

_START_TIME_TOLERANCE_SECONDS = 1.5


class ProcessIdentity(TypedDict, total=False):
    """A process, told from others that have its number later: when it started, by the clock and by the kernel's."""

    pid: int
    started: float
    ticks: int
    boot: str


def identity(pid: int) -> ProcessIdentity:
    """What tells this process from any other, before and after: pid and start; on Linux also the kernel's own count
    of ticks since boot, which a corrected clock does not move. A process that is gone gets the time of the look."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:
        started = time.time()
    return {"pid": pid, "started": started, **_kernel_start(pid)}


def living(recorded: Mapping[str, Any]) -> psutil.Process | None:
    """The process `identity` was taken of, if it is still alive (a zombie is not)."""
    try:
        process = psutil.Process(recorded["pid"])
        now = _kernel_start(process.pid)
        if "ticks" in recorded and now:
            same = (recorded["ticks"], recorded["boot"]) == (now["ticks"], now["boot"])
        else:
            same = abs(process.create_time() - recorded["started"]) < _START_TIME_TOLERANCE_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError):
        return None


def environment_value(process: psutil.Process, name: str) -> str | None:
    """One variable of the environment the process was started with; None where it cannot be read."""
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(name)
    return None


def _kernel_start(pid: int) -> ProcessIdentity:
    if sys.platform != "linux":
        return {}
    with contextlib.suppress(OSError, IndexError, ValueError):
        # the command name may hold spaces and brackets; field 22 is counted from the last bracket (proc(5))
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return {"ticks": int(fields[19]), "boot": _boot()}
    return {}


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
