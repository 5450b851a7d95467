"""The processes of a job: which live, by what they are known again, and how they end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from .messages import Identity

FAMILY = "NLP_SKILLS_JOB_FAMILY"


def living_pid(job: Path) -> int | None:
    """The pid of the job's process if that very process is alive."""
    return alive_pid(job / "pid")


def alive_pid(record: Path) -> int | None:
    """The pid that a file records, if that very process is alive."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        recorded = json.loads(record.read_text(encoding="utf-8"))
        now = identity_of(recorded["pid"])
        if now.get("ticks") == recorded["ticks"] and now["boot"] == recorded["boot"] and now["status"] != "Z":
            return int(recorded["pid"])
    return None


def identity_of(pid: int) -> Identity:
    """pid, start in ticks since boot, and which boot: a pid alone is reused (proc(5), fields 3 and 22)."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return {"pid": pid, "started": time.time(), "ticks": int(fields[19]), "boot": boot, "status": fields[0]}
    return {"pid": pid, "started": time.time()}


def family_of(job: Path) -> list[int]:
    """Every living process of the job: those that carry its name in their environment."""
    wanted = f"{FAMILY}={job}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def end_family(job: Path) -> None:
    for _ in range(100):
        left = family_of(job)
        if not left:
            return
        for pid in left:
            send_signal(pid, signal.SIGKILL)
        time.sleep(0.05)


def send_signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
