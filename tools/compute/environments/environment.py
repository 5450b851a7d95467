"""Build the worker environment as a job: `python -m nlp_skills.tools.compute.environments.environment --target FOLDER`.

A virtual environment cannot be moved, so each build has a folder of its own below `.nlp-skills/worker`, and counts
once `current.json` beside it names it: an environment that is half built is never used, and the one before it stays
until the new one is whole.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from .... import __version__
from ....resources.foundation.clock import now
from ....resources.foundation.errors import JobError, WorkspaceError
from ....resources.foundation.files import read_json, write_json
from ....resources.foundation.language import Text
from ....resources.job import ACTIVE_STATES, job_folders
from ....resources.workspace import Workspace
from ..hardware import Accelerator, accelerator_of, free_disk, nvidia_gpus
from ..jobs import job_control
from ..jobs.redaction import without_secrets
from ..jobs.result import BuiltEnvironment
from ..jobs.running import RunningJob, run_job
from ..jobs.words import size
from ..worker import interpreter, worker_root
from . import download
from .installing import find_uv, own_requirement, own_wheels, pip_commands, run_all, uv_commands

ENTRY = ["-m", "nlp_skills.tools.compute.environments.environment"]
Installer = Literal["uv", "pip"]
_CHECKED = ("torch", "transformers", "trl", "peft", "datasets")
# (download, on disk) in bytes, measured with the versions in constraints.txt; CUDA brings its libraries along.
_SIZES: dict[str, tuple[int, int]] = {
    "cpu": (480_000_000, 2_100_000_000),
    "cuda": (3_600_000_000, 8_000_000_000),
    "mps": (420_000_000, 1_600_000_000),
}
SPARE_BYTES = 500_000_000
_STAGES = 4  # create, install, compile, check


class Plan(BaseModel):
    """What building the worker environment would do; sizes in bytes, estimated."""

    flavour: Accelerator
    installer: Installer
    requirement: str
    python: str
    folder: str
    download: int
    disk: int
    disk_free: int
    note: str = ""


def plan(workspace: Workspace, beside: int = 0) -> Plan:
    """How the worker environment would be built on this machine.

    Arguments:
        beside: bytes of something else that is to be downloaded with it.

    Raises:
        WorkspaceError: the disk has no room for it.
    """
    flavour = accelerator_of(nvidia_gpus())
    installer: Installer = "uv" if find_uv() else "pip"
    note, sized = "", str(flavour)
    if flavour == "cpu" and sys.platform == "linux" and installer == "pip" and not own_wheels():
        sized = "cuda"
        note = str(
            Text(
                "On Linux pip takes the CUDA build of PyTorch, which works on the CPU too but is large; "
                "with uv installed the small CPU build is taken.",
                "在 Linux 上 pip 會安裝 CUDA 版 PyTorch，用 CPU 也能跑但體積大；先安裝 uv 就會改用較小的 CPU 版。",
            )
        )
    download, disk = _SIZES[sized]
    planned = Plan(
        flavour=flavour,
        installer=installer,
        requirement=" ".join(own_requirement()),
        python=sys.executable,
        folder=str(worker_root(workspace)),
        download=download,
        disk=disk,
        disk_free=free_disk(workspace.root),
        note=note,
    )
    disk += beside + SPARE_BYTES
    needed, free = size(disk), size(planned.disk_free)
    if planned.disk_free < disk:
        raise WorkspaceError(
            Text(
                f"The worker environment needs about {needed} of disk at {planned.folder}; there are {free}.",
                f"工作環境需要 {planned.folder} 約 {needed} 的空間，目前只有 {free}。",
            ),
            Text(
                "Free some space, or set NLP_SKILLS_WORKSPACE to a larger disk.",
                "請先清出空間，或把 NLP_SKILLS_WORKSPACE 設到較大的磁碟。",
            ),
        )
    return planned


def sizes_of(flavour: Accelerator) -> tuple[int, int]:
    """About how many bytes a worker environment takes: to download, and on disk."""
    return _SIZES[flavour]


def new_target(workspace: Workspace) -> Path:
    return worker_root(workspace) / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m nlp_skills.tools.compute.environments.environment", description=__doc__
    )
    parser.add_argument("--target", type=Path, required=True, help="the folder to build in; emptied first")
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="ARGUMENT",
        help="what the installer is given instead of this same nlp-skills[train]",
    )
    parser.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="MODULE",
        help="what must be importable in the end (default: the training libraries)",
    )
    parser.add_argument("--base-model", metavar="NAME", help="a hub model to download with it when it stands")
    parser.add_argument("--commit", help="the commit of that model that the person agreed to")
    options = parser.parse_args(arguments)

    def work(job: RunningJob) -> BuiltEnvironment:
        built = _build(job, options.target, options.require, options.check)
        return _downloading(built, options.base_model, options.commit) if options.base_model else built

    return run_job("environment", work, entry=ENTRY, arguments=arguments, resumable=True)


def _build(job: RunningJob, target: Path, require: list[str], check: list[str]) -> BuiltEnvironment:
    began = time.monotonic()
    flavour = accelerator_of(nvidia_gpus())
    requirement = require or own_requirement()
    target.parent.mkdir(parents=True, exist_ok=True)
    free_before = free_disk(target.parent)

    def tell(stage: int, message: Text) -> None:
        written = size(max(0, free_before - free_disk(target.parent)))
        job.progress(stage, _STAGES, message + Text(f" ({written} written)", f"（已寫入 {written}）"), even=False)

    tried: list[str] = []
    uv = find_uv()
    for installer in (["uv"] if uv else []) + ["pip"]:
        commands = (
            uv_commands(str(uv), target, requirement, flavour)
            if installer == "uv"
            else pip_commands(target, requirement)
        )
        problem = run_all(commands, tell)
        if problem is None:
            break
        tried.append(f"{installer}: {problem}")
        print(f"{installer} failed: {problem}", flush=True)
    else:
        raise JobError(
            Text(
                f"The worker environment could not be installed. {' / '.join(tried)}",
                f"無法安裝工作環境。{' / '.join(tried)}",
            ),
            Text(
                f"See {job.folder.output_file}. Where this machine has no network, set PIP_FIND_LINKS to a folder of "
                "wheels; then call manage_job(action='resume').",
                f"請看 {job.folder.output_file}。若這台機器沒有網路，請把 PIP_FIND_LINKS 設成放 wheel 檔的資料夾，"
                "再呼叫 manage_job(action='resume')。",
            ),
        )
    tell(_STAGES - 1, Text("checking what was installed", "檢查安裝結果"))
    packages = _check(interpreter(target), check or list(_CHECKED))
    workspace = Workspace()
    previous = _current_folder(workspace)
    write_json(
        worker_root(workspace) / "current.json",
        {
            "format": 1,
            "folder": target.name,
            "created": now(),
            "nlp_skills": __version__,
            "installer": installer,
            "flavour": flavour,
            "requirement": requirement,
            "packages": packages,
        },
    )
    _remove_others(workspace, {target.name, previous})
    taken = round(time.monotonic() - began, 1)
    job.progress(_STAGES, _STAGES, Text("the worker environment is ready", "工作環境已建立"))
    return {
        "python": str(interpreter(target)),
        "folder": str(target),
        "packages": packages,
        "installer": installer,
        "seconds": taken,
        "bytes": _folder_bytes(target),
        "message": {
            "en": f"The worker environment is ready (PyTorch {packages.get('torch', '–')}, {taken:.0f} s).",
            "zh": f"工作環境已建立（PyTorch {packages.get('torch', '–')}，{taken:.0f} 秒）。",
        },
        "next_step": {
            "tool": "coach",
            "arguments": {},
            "say": {
                "en": "Training can begin; call the tool that asked for the environment again.",
                "zh": "可以開始訓練了；請再呼叫一次剛才需要這個環境的工具。",
            },
        },
    }


def _downloading(built: BuiltEnvironment, name: str, commit: str) -> BuiltEnvironment:
    """Begin the download that was agreed to with the environment, in the environment."""
    job = job_control.submit(
        Workspace(),
        "base_model",
        download.ENTRY,
        ["--name", name, "--commit", commit],
        python=built["python"],
        resumable=True,
    )
    said = built["message"]
    return {
        **built,
        "downloading": job.id,
        "message": {"en": f"{said['en']} The download of {name} has begun.", "zh": f"{said['zh']}已開始下載 {name}。"},
        "next_step": {
            "tool": "job_status",
            "arguments": {"job_id": job.id},
            "say": {
                "en": "Follow the download; then the plan can be trained.",
                "zh": "請追蹤下載進度，完成後就可以訓練。",
            },
        },
    }


def _check(python: Path, modules: list[str]) -> dict[str, str]:
    """The versions of what must be importable, by importing it.

    Raises:
        JobError: one of them is not.
    """
    probe = (
        "import importlib, json, sys\n"
        "print(json.dumps({name: str(getattr(importlib.import_module(name), '__version__', '')) "
        "for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [str(python), "-I", "-c", probe, *modules],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = without_secrets((done.stderr.strip().splitlines() or ["?"])[-1])[:300]
        raise JobError(
            Text(f"The environment was installed but does not work: {said}", f"環境已安裝，但無法使用：{said}"),
            Text(
                "Call manage_job(action='resume') to build it again; if that does not help, report it.",
                "請呼叫 manage_job(action='resume') 重建；若仍如此請回報。",
            ),
        )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _current_folder(workspace: Workspace) -> str:
    with contextlib.suppress(FileNotFoundError):
        return str(read_json(worker_root(workspace) / "current.json")["folder"])
    return ""


def _remove_others(workspace: Workspace, kept: set[str]) -> None:
    """Clear environments that were never finished or were replaced twice over, but none that a running job uses."""
    used = {folder.spec().python for folder in job_folders(workspace) if folder.state() in ACTIVE_STATES}
    for folder in worker_root(workspace).iterdir():
        if folder.is_dir() and folder.name not in kept and str(interpreter(folder)) not in used:
            shutil.rmtree(folder, ignore_errors=True)


def _folder_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
