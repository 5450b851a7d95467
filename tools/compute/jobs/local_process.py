"""This machine: a job is a detached process that outlives the server and the client.

What differs between operating systems about processes stands here and in `resources/foundation/process.py`, nowhere else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from ....resources.foundation.access import SESSION_VARIABLE, session_paths
from ....resources.foundation.clock import now
from ....resources.foundation.errors import MissingRequirement, NlpSkillsError
from ....resources.foundation.files import describing_disk_errors, write_atomic, write_json
from ....resources.foundation.language import Text
from ....resources.foundation.process import identity
from ....resources.foundation.reasons import reason_of
from ....resources.job import FAMILY_VARIABLE, JOB_VARIABLE, JobExit, JobFolder, JobSpec
from ....resources.workspace import Workspace
from .ending import leave_exit, reserve_exit
from .task_script import command_of

GRACE_SECONDS = 10.0


def start(folder: JobFolder, workspace: Workspace) -> None:
    """Start the job's process in a session of its own, output to its file, and record its pid.

    Raises:
        MissingRequirement: the interpreter or the task's folder is gone; the job has failed with that error.
        WorkspaceError: the disk is full or read-only.
    """
    reserve_exit(folder)
    spec = folder.spec()
    task = folder.task()
    environment = {
        **os.environ,
        JOB_VARIABLE: str(folder.root),
        FAMILY_VARIABLE: str(folder.root),
        "NLP_SKILLS_LANGUAGE": spec.language,
        "NLP_SKILLS_WORKSPACE": str(workspace.root),
        SESSION_VARIABLE: session_paths(),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",  # a file in the task's folder must not stand in for a library
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),  # jobs share the processors
    }
    if paths := environment.get("PYTHONPATH"):  # relative to where this process stands, not to the job's folder
        standing = (str(Path(path).absolute()) for path in paths.split(os.pathsep) if path)
        environment["PYTHONPATH"] = os.pathsep.join(standing)
    environment.pop("__PYVENV_LAUNCHER__", None)  # macOS: would make the worker's interpreter the server's
    try:
        with describing_disk_errors(folder.output_file), folder.output_file.open("ab") as output:
            process = _start_detached(
                [spec.python, *command_of(task.root if task else None, spec.entry), *spec.arguments],
                cwd=task.root if task else folder.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    except OSError as error:
        raise _not_started(folder, spec, error) from error
    threading.Thread(target=process.wait, name=f"reap {folder.id}", daemon=True).start()
    try:  # its own record, which says more, may be there already
        with describing_disk_errors(folder.pid_file):
            _write_if_absent(folder.pid_file, identity(process.pid))
    except NlpSkillsError as error:  # what nobody could find again must not run on
        with contextlib.suppress(psutil.Error):
            psutil.Process(process.pid).kill()
        stop(folder)
        leave_exit(folder, JobExit(state="failed", ended=now(), error=error.to_dict()))
        raise


def stop(folder: JobFolder) -> None:
    """End the job's whole family: ask it, and after a grace kill what is left."""
    family = folder.family()
    if sys.platform != "win32":  # there a process cannot be asked; it sees the cancel marker at its next progress
        _each(family, lambda process: process.terminate())
    psutil.wait_procs(family, timeout=GRACE_SECONDS)
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := folder.family()) and time.monotonic() < deadline:
        _each(left, lambda process: process.kill())
        psutil.wait_procs(left, timeout=1.0)


def _each(processes: list[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            act(process)


def _start_detached(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """A process that neither the terminal, the server nor the client takes with it when it goes."""
    if sys.platform != "win32":
        return subprocess.Popen(command, start_new_session=True, **options)
    alone = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    try:  # clients put their servers in a job object that ends everything in it
        return subprocess.Popen(command, creationflags=alone | subprocess.CREATE_BREAKAWAY_FROM_JOB, **options)
    except PermissionError:
        return subprocess.Popen(command, creationflags=alone, **options)


def _write_if_absent(path: Path, record: Mapping[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.starter")
    write_json(temporary, record)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        if not path.exists():  # a disk without links: the narrow race costs only the word "ready"
            write_atomic(path, temporary.read_bytes())
    finally:
        temporary.unlink(missing_ok=True)


def _not_started(folder: JobFolder, spec: JobSpec, error: OSError) -> NlpSkillsError:
    described = MissingRequirement(
        Text("The job could not be started with {python}: {reason}.", "無法用 {python} 啟動工作：{reason}。").format(
            python=spec.python, reason=reason_of(error)
        ),
        Text(
            "If the worker environment was removed, build it again with set_up(what='environment').",
            "如果工作環境已被移除，請用 set_up(what='environment') 重新建立。",
        ),
        details={"python": spec.python},
    )
    leave_exit(folder, JobExit(state="failed", ended=now(), error=described.to_dict()))
    return described
