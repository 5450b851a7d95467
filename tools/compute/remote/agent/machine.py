"""What this machine has."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

from .messages import MachineSeen, MemorySeen, ProbeRequest

_ASK_SECONDS = 20
_LIBRARIES = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        found[name] = None
try:
    import importlib.util, pathlib
    torch = importlib.util.find_spec("torch")
    scope = {}
    if torch and torch.submodule_search_locations:
        exec(pathlib.Path(torch.submodule_search_locations[0], "version.py").read_text(encoding="utf-8"), scope)
    found["cuda"] = scope.get("cuda") or scope.get("hip")
except OSError:
    found["cuda"] = None
print(json.dumps(found))
"""


def probe(folder: Path, given: ProbeRequest) -> MachineSeen:
    """What this machine has, and whether the worker environment `key` (or the interpreter `python`) can be used."""
    folder.mkdir(parents=True, exist_ok=True)
    python = given.get("python") or environment_python(folder, str(given["key"]))
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "version": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        **_memory(),
        "disk_free": shutil.disk_usage(folder).free,
        "gpus": _gpus(),
        "uv": find_uv(),
        "worker": python,
        "libraries": _libraries(python, given["libraries"]) if python else {},
    }


def environment_python(folder: Path, key: str) -> str | None:
    """The interpreter of a worker environment that is whole."""
    python = folder / "environments" / key / "bin" / "python"
    return str(python) if (folder / "environments" / f"{key}.json").is_file() and python.is_file() else None


def _memory() -> MemorySeen:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(fields[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    with contextlib.suppress(OSError, ValueError):  # a container's limit
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        total, free = min(total, limit), min(free, limit)
    return {"memory": total, "free_memory": free}


def _gpus() -> str:
    found = shutil.which("nvidia-smi")
    if found is None:
        return ""
    query = [found, "--query-gpu=name,memory.total,memory.free,driver_version,uuid", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(query, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True).stdout
    return ""


def find_uv() -> str | None:
    places = os.pathsep.join(
        [os.environ.get("PATH", ""), str(Path.home() / ".local/bin"), str(Path.home() / ".cargo/bin")]
    )
    return shutil.which("uv", path=places)


def _libraries(python: str, names: list[str]) -> dict[str, str | None] | None:
    """The versions of those packages for that interpreter; None where it cannot be run."""
    try:
        told = subprocess.run(
            [python, "-I", "-c", _LIBRARIES, *names],
            capture_output=True,
            text=True,
            check=True,
            timeout=_ASK_SECONDS,
            stdin=subprocess.DEVNULL,
        ).stdout
        return dict(json.loads(told))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
