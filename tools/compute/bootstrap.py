"""Build a worker environment on another machine, as a job: `python -m nlp_skills.tools.compute.bootstrap --machine NAME`.

Our own wheel is sent there and installed into a virtual environment with the training libraries, from wherever that
machine's own pip or uv is told to take packages.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ...resources.errors import WorkspaceError
from ...resources.job import JobFolder, active_job
from ...resources.language import Text
from ...resources.workspace import Workspace
from . import jobs
from .environment import SPARE_BYTES, sizes_of
from .far import WHEEL_NAME, Far, environment_key, own_wheel
from .lease import Meter
from .machine import Accelerator
from .machines import linked_machine
from .pins import pins_of_here
from .running import RunningJob, run_job
from .tending import Errand, tending
from .words import size

ENTRY = ["-m", "nlp_skills.tools.compute.bootstrap"]
KIND = "machine"
_CHECKED = ("torch", "transformers", "trl", "peft", "datasets")


def build_there(workspace: Workspace, name: str) -> JobFolder:
    """The job that builds the machine's worker environment: the one under way, else a new one."""
    if (running := active_job(workspace.jobs, KIND)) and running.spec().machine == name:
        return running
    return jobs.submit(workspace, KIND, ENTRY, ["--machine", name], python=sys.executable, resumable=True, machine=name)


def needed_disk(far: Far) -> tuple[int, int]:
    """Bytes to download and on disk that an environment takes there, as measured here.

    Raises:
        WorkspaceError: there is no room for it.
    """
    download, disk = sizes_of(_flavour(far))
    if far.machine.disk_free < disk + SPARE_BYTES:
        name = far.link.name
        raise WorkspaceError(
            Text(
                f"The worker environment needs about {size(disk + SPARE_BYTES)} in {far.folder} on {name}; there are "
                f"{size(far.machine.disk_free)}.",
                f"工作環境需要 {name} 的 {far.folder} 約 {size(disk + SPARE_BYTES)} 的空間，目前只有 {size(far.machine.disk_free)}。",
            ),
            Text(
                "Free some space there, or set the machine's folder to a larger disk.",
                "請在該機器清出空間，或把 folder 設到較大的磁碟。",
            ),
            field="settings.folder",
        )
    return download, disk


def _flavour(far: Far) -> Accelerator:
    return "cuda" if far.machine.gpus else "cpu"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.compute.bootstrap", description=__doc__)
    parser.add_argument("--machine", required=True, help="a name of machines.yaml")
    parser.add_argument("--extra", default="[train]", help="what of nlp-skills to install beside its base")
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="MODULE",
        help="what must be importable in the end (default: the training libraries)",
    )
    options = parser.parse_args(arguments)

    def work(job: RunningJob) -> dict[str, Any]:
        return build(job, options.machine, options.extra, options.check or list(_CHECKED))

    return run_job(KIND, work, entry=ENTRY, arguments=arguments, resumable=True)


def build(job: RunningJob, name: str, extra: str, check: list[str]) -> dict[str, Any]:
    """Build it there, and say what stands in the end."""
    with tending(job, name, linked_machine(Workspace(), name), Meter(None, job.folder.id, name, None)) as there:
        wheel = job.folder.root / WHEEL_NAME
        wheel.write_bytes(own_wheel())
        flavour = _flavour(there.again(lambda: there.far))
        download, disk = sizes_of(flavour) if extra else (0, 0)
        ended = there.go(
            Errand(
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
        f"The worker environment on {name} stands: {ended['python']} (installed with {ended['installer']}).",
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
