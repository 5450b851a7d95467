"""Build a worker environment on another machine, as a job (tools/compute/machine_job.py).

Our own wheel is sent there and installed into a virtual environment with the training libraries, from wherever that
machine's own pip or uv is told to take packages.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ....resources.foundation.errors import WorkspaceError
from ....resources.foundation.language import Text
from ....resources.job import JobFolder, active_job
from ....resources.workspace import Workspace
from ..environments.environment import SPARE_BYTES, sizes_of
from ..environments.pins import pins_of_here
from ..hardware import Accelerator
from ..jobs import job_control
from ..jobs.result import BuiltRemotely
from ..jobs.running import RunningJob
from ..jobs.words import size
from ..machine import LinkedMachine
from .lease import Meter
from .remote import WHEEL_NAME, RemoteMachine, build_own_wheel, environment_key
from .remote_job import RemoteTask, open_remote_job

ENTRY = ["-m", "nlp_skills.tools.compute.machine_job"]
KIND = "machine"
CHECKED = ("torch", "transformers", "trl", "peft", "datasets")


def submit_build(workspace: Workspace, name: str) -> JobFolder:
    """The job that builds the machine's worker environment: the one under way, else a new one."""
    if (running := active_job(workspace.jobs, KIND)) and running.spec().machine == name:
        return running
    return job_control.submit(
        workspace, KIND, ENTRY, ["--machine", name], python=sys.executable, resumable=True, machine=name
    )


def needed_disk(remote: RemoteMachine) -> tuple[int, int]:
    """Bytes to download and on disk that an environment takes there, as measured here.

    Raises:
        WorkspaceError: there is no room for it.
    """
    download, disk = sizes_of(_flavour(remote))
    if remote.machine.disk_free < disk + SPARE_BYTES:
        name = remote.link.name
        raise WorkspaceError(
            Text(
                f"The worker environment needs about {size(disk + SPARE_BYTES)} in {remote.folder} on {name}; there are "
                f"{size(remote.machine.disk_free)}.",
                f"工作環境需要 {name} 的 {remote.folder} 約 {size(disk + SPARE_BYTES)} 的空間，目前只有 {size(remote.machine.disk_free)}。",
            ),
            Text(
                "Free some space there, or set the machine's folder to a larger disk.",
                "請在該機器清出空間，或把 folder 設到較大的磁碟。",
            ),
            field="settings.folder",
        )
    return download, disk


def _flavour(remote: RemoteMachine) -> Accelerator:
    return "cuda" if remote.machine.gpus else "cpu"


def build(job: RunningJob, name: str, machine: LinkedMachine, extra: str, check: list[str]) -> BuiltRemotely:
    """Build it there, and say what stands in the end."""
    with open_remote_job(job, name, machine, Meter(None, job.folder.id, name, None)) as there:
        wheel = job.folder.root / WHEEL_NAME
        wheel.write_bytes(build_own_wheel())
        flavour = _flavour(there.retry(lambda: there.remote))
        download, disk = sizes_of(flavour) if extra else (0, 0)
        ended = there.run_task(
            RemoteTask(
                {WHEEL_NAME: wheel},
                None,
                {
                    "key": environment_key(),
                    "wheel": WHEEL_NAME,
                    "extra": extra,
                    "check": check,
                    "flavour": flavour,
                    "constraints": pins_of_here(Workspace()),
                    "download": download,
                    "disk": disk,
                },
            )
        )
        there.forget()
    Path(wheel).unlink(missing_ok=True)
    done = Text(
        f"The worker environment on {name} is ready: {ended['python']} (installed with {ended['installer']}).",
        f"{name} 的工作環境已建立：{ended['python']}（以 {ended['installer']} 安裝）。",
    )
    return {
        "machine": name,
        "python": ended["python"],
        "installer": ended["installer"],
        "message": done._asdict(),
        "next_step": {
            "tool": "coach",
            "arguments": {},
            "say": Text(
                f"Training can begin there: train(task=…, machine={name!r}).",
                f"可以在那裡訓練了：train(task=…, machine={name!r})。",
            )._asdict(),
        },
    }
