"""What this machine has: processors, memory, disk, accelerators, and whether the worker's PyTorch can use them."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, Field

from ...resources.foundation.language import Text
from ...resources.workspace import Workspace
from .worker import find_worker

Accelerator = Literal["cpu", "cuda", "mps"]
_ASK_SECONDS = 15
# Read, not imported: importing torch takes seconds and hundreds of megabytes.
_TORCH_PROBE = """
import importlib.util, json, pathlib
spec = importlib.util.find_spec("torch")
found = {}
if spec and spec.submodule_search_locations:
    source = pathlib.Path(spec.submodule_search_locations[0], "version.py").read_text(encoding="utf-8")
    exec(source, found)
print(json.dumps({"version": found.get("__version__"), "cuda": found.get("cuda") or found.get("hip")}))
"""


class Gpu(BaseModel):
    """One NVIDIA GPU: memory in bytes; `uuid` names this very card."""

    name: str
    memory: int
    free: int
    driver: str
    uuid: str


class Torch(BaseModel):
    """The worker's PyTorch: its version, and the CUDA (or ROCm) it was built for, None for a CPU-only build."""

    version: str
    cuda: str | None = None


class Machine(BaseModel):
    """One machine. Memory and disk in bytes; `accelerator` is what the hardware offers, `device` what will be used."""

    system: str
    cores: int
    free_cores: int
    memory: int
    free_memory: int
    disk_free: int
    gpus: list[Gpu] = Field(default_factory=list)
    accelerator: Accelerator = "cpu"
    worker: str | None = None
    torch: Torch | None = None
    device: Accelerator = "cpu"

    @property
    def idle_gpu(self) -> bool:
        """Whether there is a GPU that the worker's PyTorch was not built for."""
        return self.torch is not None and self.accelerator == "cuda" and self.device == "cpu"

    def warnings(self) -> list[Text]:
        """What the person should know before heavy work."""
        if not (self.idle_gpu and self.torch):
            return []
        return [
            Text(
                f"GPU present, CPU-only torch: this machine has {self.gpus[0].name}, but the worker's PyTorch "
                f"{self.torch.version} is built for the CPU. Build the worker environment again with "
                "set_up(what='environment').",
                f"有 GPU，但 PyTorch 是 CPU 版：這台機器有 {self.gpus[0].name}，工作環境的 PyTorch {self.torch.version} "
                "卻只支援 CPU。請用 set_up(what='environment') 重新建立工作環境。",
            )
        ]


def describe_machine(workspace: Workspace) -> Machine:
    """This machine as it stands now; takes well under a second, without importing PyTorch."""
    cores = available_cores()
    memory = psutil.virtual_memory()
    limit = _memory_limit() or memory.total
    gpus = nvidia_gpus()
    accelerator = accelerator_of(gpus)
    worker = find_worker(workspace)
    torch = worker_torch(worker) if worker else None
    usable = torch is not None and (accelerator != "cuda" or torch.cuda is not None)
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cores=cores,
        free_cores=max(1, round(cores - psutil.getloadavg()[0])),
        memory=min(memory.total, limit),
        free_memory=min(memory.available, limit),
        disk_free=free_disk(workspace.root),
        gpus=gpus,
        accelerator=accelerator,
        worker=str(worker) if worker else None,
        torch=torch,
        device=accelerator if usable else "cpu",
    )


def available_cores() -> int:
    """The processors this process may use (affinity and container quota considered)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


@cache
def cpu_model() -> str:
    """The processor as its maker calls it (`AMD EPYC 9R14`): two kinds may round in two ways. The architecture's name
    where the system does not say."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
            if found := re.search(r"^(?:model name|Model|Hardware|cpu)\s*:\s*(\S.*)$", told, re.MULTILINE):
                return found[1].strip()
    if sys.platform == "darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(
                ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
                capture_output=True,
                text=True,
                timeout=_ASK_SECONDS,
                check=True,
            ).stdout.strip()
    if sys.platform == "win32":
        import winreg

        with (
            contextlib.suppress(OSError),
            winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key,
        ):
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    return platform.processor() or platform.machine()


def accelerator_of(gpus: list[Gpu]) -> Accelerator:
    if gpus:
        return "cuda"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"


def nvidia_gpus() -> list[Gpu]:
    """The NVIDIA GPUs that `nvidia-smi` names; none where there is no driver, or where the person hides them."""
    found = shutil.which("nvidia-smi")
    if found is None or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return []
    query = [found, "--query-gpu=name,memory.total,memory.free,driver_version,uuid", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return gpus_told(told)


def gpus_told(table: str) -> list[Gpu]:
    """The rows that `nvidia-smi` answered: name, memory, free memory (MiB), driver and UUID."""
    return [
        Gpu(name=name, memory=_mebibytes(total), free=_mebibytes(free), driver=driver, uuid=uuid)
        for name, total, free, driver, uuid in (
            row for row in csv.reader(table.splitlines(), skipinitialspace=True) if len(row) == 5
        )
    ]


def worker_torch(python: Path) -> Torch | None:
    """The PyTorch of that interpreter, None where it has none; asked once for each state of its environment."""
    with contextlib.suppress(OSError):
        packages = next(iter(python.parent.parent.glob("lib/python3*/site-packages")), python)
        return _ask_torch(str(python), packages.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=8)
def _ask_torch(python: str, _state: int) -> Torch | None:
    try:
        told = subprocess.run(
            [python, "-I", "-c", _TORCH_PROBE],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = json.loads(told)
    return Torch(version=found["version"], cuda=found["cuda"]) if found["version"] else None


def free_disk(path: Path) -> int:
    """Free bytes on the disk that holds `path`, or would hold it."""
    standing = next(place for place in (path, *path.parents) if place.exists())
    return shutil.disk_usage(standing).free


def _mebibytes(text: str) -> int:
    return int(text) * 2**20 if text.strip().isdigit() else 0  # "[N/A]" on GPUs that share the machine's memory


def _memory_limit() -> int | None:
    """The container's limit in bytes, if there is one."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    return None
