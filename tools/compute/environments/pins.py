"""The versions that were tested together, for an environment that is built elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from ....resources.workspace import Workspace
from ..worker import find_worker
from .wheel import PACKAGE

_NOT_PINNED = ("nlp-skills", "pip", "setuptools", "wheel")


def shipped_pins() -> str:
    """`constraints.txt` where the package stands in its checkout; else nothing."""
    file = (PACKAGE / "__init__.py").resolve().parent / "constraints.txt"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def pins_of_here(workspace: Workspace) -> str:
    """What an installer is to keep to (`name==version`, one a line): as shipped, else what stands here, the worker
    environment's versions before this one's. A build's own suffix (`+cpu`) is left out: it is that machine's affair."""
    if shipped := shipped_pins():
        return shipped
    found = {**_installed_versions(sys.path), **_installed_versions(_packages_of(find_worker(workspace)))}
    return "".join(
        f"{name}=={version.partition('+')[0]}\n" for name, version in sorted(found.items()) if name not in _NOT_PINNED
    )


def _packages_of(python: Path | None) -> list[str]:
    root = python.parent.parent if python else None
    return (
        [str(place) for pattern in ("lib/python3*/site-packages", "Lib/site-packages") for place in root.glob(pattern)]
        if root
        else []
    )


def _installed_versions(places: Iterable[str]) -> dict[str, str]:
    return {
        str(one.metadata["Name"]).lower().replace("_", "-"): one.version
        for one in metadata.distributions(path=list(places))
        if one.metadata["Name"]
    }
