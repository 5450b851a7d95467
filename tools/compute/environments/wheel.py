"""A wheel of the nlp-skills that is running, for a task folder to carry.

It is written from the package's own files, so it needs no build tool and no network, and works from a checkout as
from an installed wheel. The same files always give the same bytes.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import os
import tomllib
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from .... import __version__

PACKAGE = Path(__file__).absolute().parents[3]  # as imported, so that a checkout's links are followed by name
WHEEL_NAME = f"nlp_skills-{__version__}-py3-none-any.whl"
_PARTS = ("__init__.py", "py.typed", "server", "tools", "resources", "prompts")
_DIST_INFO = f"nlp_skills-{__version__}.dist-info"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: nlp-skills\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def package_wheel() -> bytes:
    """The bytes of the wheel (PEP 427), with the metadata and entry points of this installation."""
    metadata, entry_points = _from_checkout() or _from_installation()
    files = ((name, path, path.stat()) for name, path in _package_files())
    return _pack_wheel(
        tuple((name, path, found.st_mtime_ns, found.st_size) for name, path, found in files), metadata, entry_points
    )


@lru_cache(maxsize=1)
def _pack_wheel(files: tuple[tuple[str, Path, int, int], ...], metadata: str, entry_points: str) -> bytes:
    """The wheel of `files` (name, path, time, size): packed once, and again when one of them has changed."""
    contents = {f"nlp_skills/{name}": path.read_bytes() for name, path, _, _ in files}
    contents |= {
        f"{_DIST_INFO}/METADATA": metadata.encode(),
        f"{_DIST_INFO}/WHEEL": _WHEEL.encode(),
        f"{_DIST_INFO}/entry_points.txt": entry_points.encode(),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in {**contents, f"{_DIST_INFO}/RECORD": _record(contents)}.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            wheel.writestr(entry, content)
    return packed.getvalue()


def _package_files() -> Iterator[tuple[str, Path]]:
    """Every file of the package by its name below it, sorted; no bytecode and nothing hidden."""
    found: list[tuple[str, Path]] = []
    for part in _PARTS:
        top = PACKAGE / part
        if top.is_file():
            found.append((part, top))
        for folder, below, names in os.walk(top, followlinks=True):
            below[:] = [name for name in below if name != "__pycache__" and not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                if not name.startswith(".") and path.suffix not in (".pyc", ".pyo"):
                    found.append((path.relative_to(PACKAGE).as_posix(), path))
    return iter(sorted(found))


def _record(contents: dict[str, bytes]) -> bytes:
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        table.writerow([name, f"sha256={digest}", len(content)])
    table.writerow([f"{_DIST_INFO}/RECORD", "", ""])
    return lines.getvalue().encode()


def _from_checkout() -> tuple[str, str] | None:
    """Metadata and entry points out of `pyproject.toml`, where the package stands in its checkout."""
    project_file = (PACKAGE / "__init__.py").resolve().parent / "pyproject.toml"
    if not project_file.is_file():
        return None
    project = tomllib.loads(project_file.read_text(encoding="utf-8"))["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {__version__}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {need}" for need in project["dependencies"]),
    ]
    for extra, needs in project.get("optional-dependencies", {}).items():
        lines += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {_only_with(extra, need)}" for need in needs)]
    return "\n".join(lines) + "\n", _entry_points({"console_scripts": project.get("scripts", {})})


def _only_with(extra: str, need: str) -> str:
    requirement, _, marker = need.partition(";")
    condition = f"extra == '{extra}'"
    return f"{requirement.strip()} ; " + (f"({marker.strip()}) and {condition}" if marker else condition)


def _from_installation() -> tuple[str, str]:
    installed = importlib.metadata.distribution("nlp-skills")
    groups: dict[str, dict[str, str]] = {}
    for point in sorted(installed.entry_points, key=lambda point: (point.group, point.name)):
        groups.setdefault(point.group, {})[point.name] = point.value
    return installed.read_text("METADATA") or "", _entry_points(groups)


def _entry_points(groups: dict[str, dict[str, str]]) -> str:
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
        if points
    )
