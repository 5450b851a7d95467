"""How a worker environment is installed: uv or pip, and which build of PyTorch."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .machine import find_uv
from .messages import BuildNote

PROCESSORS_INDEX = "https://download.pytorch.org/whl/cpu"  # PyTorch's own, of builds without CUDA
_CREATING, _FETCHING = ("creating the environment", "建立環境"), ("downloading and installing", "下載並安裝")
Command = tuple[str, str, list[str]]


def installers(place: Path, wheel: Path, constraints: Path, note: BuildNote) -> Iterator[tuple[str, Iterator[Command]]]:
    """uv where it stands and the person's pip is not told where packages come from (uv would not know), then pip."""
    if (uv := find_uv()) and not _pip_is_told():
        backend = "auto" if note.get("flavour") == "cuda" else "cpu"
        yield (
            "uv",
            iter(
                [
                    (*_CREATING, [uv, "venv", "--clear", "--python", sys.executable, str(place)]),
                    (
                        *_FETCHING,
                        [
                            uv,
                            "pip",
                            "install",
                            "--python",
                            str(place / "bin" / "python"),
                            "--torch-backend",
                            backend,
                            "--constraint",
                            str(constraints),
                            f"{wheel}{note['extra']}",
                        ],
                    ),
                ]
            ),
        )
    yield "pip", _pip_commands(place, wheel, constraints, note)


def _pip_commands(place: Path, wheel: Path, constraints: Path, note: BuildNote) -> Iterator[Command]:
    """What pip does, each command made when the one before is done. Where there is no GPU, and the index that pip is told
    gives PyTorch for CUDA (PyPI does), PyTorch comes first, from the index of builds for processors."""
    yield *_CREATING, [sys.executable, "-m", "venv", "--clear", str(place)]
    install = [str(place / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    pinned = {line.partition("==")[0]: line for line in note.get("constraints", "").split() if "==" in line}
    if note["extra"] and note.get("flavour") == "cpu":
        torch = pinned.get("torch", "torch")
        if not _is_for_processors([*install, "--quiet", "--no-deps", "--dry-run", "--report", "-", torch]):
            yield *_FETCHING, [*install, "--progress-bar", "off", "--no-deps", "--index-url", PROCESSORS_INDEX, torch]
    yield (
        *_FETCHING,
        [
            *install,
            "--progress-bar",
            "off",
            "--constraint",
            str(constraints),
            f"{wheel}{note['extra']}",
            *filter(None, [pinned.get("setuptools")]),
        ],
    )  # `venv` has brought an older one


def _is_for_processors(asking: list[str]) -> bool:
    """Whether what pip would install asks for no CUDA libraries; pip is only asked, and nothing is installed."""
    with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
        told = subprocess.run(asking, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        needs = json.loads(told.stdout)["install"][0]["metadata"].get("requires_dist", [])
        return not any(need.startswith(("nvidia", "cuda")) for need in needs)
    return False


def _pip_is_told() -> bool:
    if any(os.environ.get(name) for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")):
        return True
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    return any(word in told.stdout for word in ("index-url", "find-links"))
