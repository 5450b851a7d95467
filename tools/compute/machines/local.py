"""This machine: a job is a detached process that outlives the server and the client."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from ....resources.job import JobFolder
from ....resources.workspace import Workspace
from ..running import JOB_VARIABLE, record_process

_GRACE_SECONDS = 10.0


def start(folder: JobFolder, workspace: Workspace) -> None:
    """Start the job's process in a session of its own, output to its file, and record its pid."""
    spec = folder.spec()
    environment = {
        **os.environ,
        JOB_VARIABLE: str(folder.root),
        "NLP_SKILLS_LANGUAGE": spec.language,
        "NLP_SKILLS_WORKSPACE": str(workspace.root),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }
    with folder.output_file.open("ab") as output:
        process = subprocess.Popen(
            [spec.python, *spec.entry, *spec.arguments],
            cwd=Path(spec.task) if spec.task else folder.root,
            env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **_detached(),
        )
    with contextlib.suppress(psutil.NoSuchProcess):  # it may be over already, with its own pid file and exit.json
        record_process(folder, process.pid)


def stop(folder: JobFolder) -> None:
    """TERM the job's process group, and KILL what is left of it after a grace."""
    process = folder.process()
    if process is None:
        return
    family = [process, *process.children(recursive=True)]
    _signal_group(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=_GRACE_SECONDS)
    for survivor in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(alive, timeout=_GRACE_SECONDS)


def _signal_group(process: psutil.Process, sent: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, sent)


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
