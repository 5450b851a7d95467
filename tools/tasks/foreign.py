"""Code that came along with a task: what nlp-skills did not write is set aside, where nothing runs it, until the person
brings it in in a terminal.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path, PurePosixPath

from ...resources.foundation.errors import TaskError
from ...resources.foundation.files import sha256_file
from ...resources.foundation.language import Text
from ...resources.task import Task, TaskFolder
from ..compute.environments.wheel import WHEEL_NAME, package_wheel
from ..compute.jobs.scripts import is_generated
from . import documents
from .project import generate

ASIDE = ".set-aside"
# By their ending: what an interpreter, the system or an installer would run.
_CODE = {
    # Python
    ".py",
    ".pyw",
    ".pyi",
    ".pyc",
    ".pyo",
    ".pyd",
    ".pyx",
    ".pyz",
    ".pth",
    ".ipynb",
    ".whl",
    ".egg",
    ".pkl",
    ".pickle",
    ".joblib",
    # machine code and packages
    ".so",
    ".dll",
    ".dylib",
    ".exe",
    ".com",
    ".scr",
    ".msi",
    ".app",
    ".appimage",
    ".deb",
    ".rpm",
    ".apk",
    ".jar",
    ".class",
    ".wasm",
    # shells and desktops
    ".sh",
    ".bash",
    ".zsh",
    ".fish",
    ".csh",
    ".ksh",
    ".command",
    ".bat",
    ".cmd",
    ".ps1",
    ".psm1",
    ".vbs",
    ".wsf",
    ".hta",
    ".reg",
    ".lnk",
    ".desktop",
    # other interpreters
    ".js",
    ".mjs",
    ".cjs",
    ".ts",
    ".rb",
    ".pl",
    ".php",
    ".lua",
    ".r",
    ".jl",
}
# By their name: what builds, installs or starts something.
_NAMES = {
    "pyproject.toml",
    "setup.cfg",
    "uv.toml",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pipfile",
    "pipfile.lock",
    "tox.ini",
    "pytest.ini",
    "pyvenv.cfg",
    "pip.conf",
    "pip.ini",
    "environment.yml",
    "environment.yaml",
    "package.json",
    "package-lock.json",
    "makefile",
    "gnumakefile",
    "justfile",
    "dockerfile",
    "containerfile",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
}
_REQUIREMENTS = re.compile(r"(requirements|constraints)[\w.-]*\.(txt|in)")
_MAGIC = (
    b"#!",
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xca\xfe\xba\xbe",
)


def set_aside(folder: TaskFolder) -> list[str]:
    """Move foreign code of a task that is not seen yet out of the way, and write what we generate afresh.

    Returns:
        what was moved, by its path below the task.
    """
    task = folder.load()
    stale, moved = [], []
    for path in sorted(file for file in folder.root.rglob("*") if file.is_file() and not file.is_symlink()):
        name = path.relative_to(folder.root).as_posix()
        if not _is_code(name, path):
            continue
        if _is_ours(name, path, task):
            stale.append(path)
            continue
        place = folder.root / ASIDE / name
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
        moved.append(name)
    if moved:
        for path in stale:  # written again below, as this version has them and all of one version
            path.unlink()
        generate(folder)
    return moved


def bring_in(path: Path) -> Path | None:
    """Put a file that was set aside back where it was; None where it is none of those.

    Raises:
        TaskError: a file that nlp-skills did not write has taken its place.
    """
    root = next((parent.parent for parent in path.parents if parent.name == ASIDE), None)
    if root is None:
        return None
    name = path.relative_to(root / ASIDE).as_posix()
    place = root / name
    if (
        place.is_file()
        and sha256_file(place) != sha256_file(path)
        and not _is_ours(name, place, TaskFolder(root).load())
    ):
        raise TaskError(
            Text(f"{place} is another file that was changed by hand.", f"{place} 是另一個手動改過的檔案。"),
            Text("Rename or delete it, then give the command again.", "請先改名或刪除，再執行一次。"),
            field="script",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, place)
    return place


def _is_code(name: str, path: Path) -> bool:
    known = PurePosixPath(name.casefold())
    if known.suffix in _CODE or known.name in _NAMES or _REQUIREMENTS.fullmatch(known.name):
        return True
    with path.open("rb") as file:
        head = file.read(64)
    return head.startswith(_MAGIC) or (head.startswith(b"MZ") and b"\0" in head)


def _is_ours(name: str, path: Path, task: Task) -> bool:
    """Whether it is a file that we generate for that task, by what is in it and not by any record."""
    parts = PurePosixPath(name).parts
    if len(parts) == 2 and parts[0] == "scripts":
        return is_generated(parts[1], path.read_bytes())
    if name == "pyproject.toml":
        return _is_project_file(path.read_bytes(), task)
    return name == f"wheels/{WHEEL_NAME}" and path.read_bytes() == package_wheel()


def _is_project_file(content: bytes, task: Task) -> bool:
    """Whether it says what ours says, whatever version of nlp-skills and name of the task it was written for."""
    try:
        found = tomllib.loads(content.decode("utf-8"))
        ours = tomllib.loads(documents.pyproject(task, WHEEL_NAME))
        version = re.fullmatch(r"nlp-skills\[train\]==([\w.+-]+)", found["project"]["dependencies"][0])
        name, description = found["project"]["name"], found["project"]["description"]
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, IndexError, TypeError):
        return False
    if version is None or not isinstance(name, str) or not isinstance(description, str):
        return False
    ours["project"] |= {"name": name, "description": description, "dependencies": [version[0]]}
    ours["tool"]["uv"]["sources"] = {"nlp-skills": {"path": f"wheels/nlp_skills-{version[1]}-py3-none-any.whl"}}
    return bool(found == ours)
