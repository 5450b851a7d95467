"""Asking the worker environment something small, beside any job: what it finds is left in a file that the server reads."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from pathlib import Path

from pydantic import BaseModel

from ...resources.foundation.plugin_files import RUN_VARIABLE


def run_in_worker(module: str, request: BaseModel, python: Path, seconds: float) -> bool:
    """Run a module of ours with the request as JSON on its standard input. Whether it is still at it.

    Arguments:
        seconds: how long it is waited for at most; it goes on after that.
    """
    process = subprocess.Popen(
        [str(python), "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONSAFEPATH": "1", RUN_VARIABLE: "1"},
        start_new_session=True,
    )
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # one that ended before it had heard what to do
        process.communicate(request.model_dump_json().encode(), timeout=seconds)
    if process.poll() is not None:
        return False
    threading.Thread(target=process.wait, daemon=True).start()  # it leaves no zombie when it ends
    return True
