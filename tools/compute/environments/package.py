"""One file of a package index, fetched alone, without what it depends on, its hash checked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ....resources.foundation.files import sha256_file
from ..jobs.redaction import without_secrets

_FETCH_SECONDS = 900.0


@dataclass(frozen=True)
class Package:
    """A pinned file of the index.

    Arguments:
        source: the source archive is meant, not the wheel.
    """

    name: str
    version: str
    sha256: str
    source: bool = False


class NotFetched(Exception):
    """The index did not give the file; the text says why, without secrets."""


def fetch_package(package: Package, place: Path) -> Path:
    """Fetch the file into the empty folder `place`, as the machine's own pip settings say (index, proxy, certificates).

    Raises:
        NotFetched: there is no pip, no index, no such version, or its content is another.
    """
    requirement = place / "requirements.txt"
    requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    command = [
        *_pip(place),
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
        "--no-binary" if package.source else "--only-binary",
        package.name,
        "--require-hashes",
        "--requirement",
        str(requirement),
        "--dest",
        str(place),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise NotFetched(f"no end after {_FETCH_SECONDS:.0f} s") from error
    found = list(place.glob("*.tar.gz" if package.source else "*.whl"))
    if done.returncode or not found:
        raise NotFetched(without_secrets((done.stderr.strip().splitlines() or ["?"])[-1])[:300])
    if sha256_file(found[0]) != package.sha256:
        raise NotFetched(f"{found[0].name}: sha256 is not {package.sha256}")
    return found[0]


def _pip(place: Path) -> list[str]:
    """A pip: this environment's, or one in an environment made for the purpose (uv makes them without)."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    made = place / "pip"
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(made)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise NotFetched((done.stderr.strip().splitlines() or ["no pip"])[-1][:300])
    python = made / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return [str(python), "-m", "pip"]
