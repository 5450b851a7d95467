"""The self-contained project a task is: which files are generated, and which of them a person has made their own."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, Field

from ... import __version__
from ...resources.foundation.files import lock, read_json, sha256_bytes, sha256_file, write_atomic, write_json
from ...resources.schemas import OF_A_TASK, SCHEMA_FOLDER, shipped_schema
from ...resources.schemas.kinds import current_schema
from ...resources.task import Task, TaskFolder
from ..compute.environments.wheel import WHEEL_NAME, package_wheel
from ..compute.jobs.scripts import SCRIPTS, script_texts
from . import documents

FOLDERS = ("versions", "data/raw", "scripts", "configs", "models", "benchmarks", "docs", "jobs")
RECORD = ".generated.json"
DECISIONS = "docs/decisions.md"


class Generated(BaseModel):
    """What generating did, by paths relative to the task: `written` were missing, `updated` out of date, `kept` are
    edited by hand and were left alone, `replaced` were edited by hand and moved aside, `removed` are not needed now."""

    written: list[str] = Field(default_factory=list)
    updated: list[str] = Field(default_factory=list)
    unchanged: list[str] = Field(default_factory=list)
    kept: list[str] = Field(default_factory=list)
    replaced: list[str] = Field(default_factory=list)
    removed: list[str] = Field(default_factory=list)


def project_files(task: Task) -> dict[str, bytes]:
    """Every generated file by its path below the task."""
    scripts = script_texts(task.language, WHEEL_NAME)
    listed = [(script.file, script.does.to(task.language)) for script in SCRIPTS]
    return {
        "pyproject.toml": documents.pyproject(task, WHEEL_NAME).encode(),
        ".gitignore": documents.GITIGNORE.encode(),
        "README.md": documents.readme(task, listed, WHEEL_NAME).encode(),
        DECISIONS: documents.decisions(task).encode(),
        **{f"scripts/{file}": text.encode() for file, text in scripts.items()},
        **{f"{SCHEMA_FOLDER}/{name}.json": current_schema(shipped_schema(name)).encode() for name in OF_A_TASK},
        f"wheels/{WHEEL_NAME}": package_wheel(),
    }


def fill_project(root: Path, task: Task) -> None:
    """Write the whole project of a new task into the empty folder `root`, all but `task.yaml`."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    (root / "data_source.yaml").write_text(documents.first_data_source(task), encoding="utf-8")
    files = project_files(task)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    _record(root, {name: sha256_bytes(content) for name, content in files.items()})


def generate(folder: TaskFolder, overwrite_scripts: bool = False) -> Generated:
    """Write what is missing or out of date in a task's project.

    Arguments:
        overwrite_scripts: also replace scripts edited by hand; each goes to `scripts/replaced/` first.

    Raises:
        TaskError: `task.yaml` cannot be read.
    """
    done = Generated()
    with lock(folder.root / RECORD):
        task = folder.load()
        for name in FOLDERS:
            if not (folder.root / name).is_dir():
                (folder.root / name).mkdir(parents=True)
                done.written.append(f"{name}/")
        if not folder.data_source_file.is_file():
            write_atomic(folder.data_source_file, documents.first_data_source(task))
            done.written.append("data_source.yaml")
        recorded = _recorded_versions(folder.root)
        files = project_files(task)
        for name, content in files.items():
            _bring_up_to_date(folder.root, name, content, recorded.get(name), overwrite_scripts, done)
        _clear_old_wheels(folder.root, recorded, done)
        ours = {name: sha256_bytes(content) for name, content in files.items() if name not in done.kept}
        _record(folder.root, {**{name: recorded[name] for name in done.kept if name in recorded}, **ours})
    return done


def refresh_decisions(folder: TaskFolder, task: Task) -> None:
    """Make `docs/decisions.md` again, unless a person has edited it."""
    with lock(folder.root / RECORD):
        recorded = _recorded_versions(folder.root)
        path = folder.root / DECISIONS
        if path.is_file() and sha256_file(path) != recorded.get(DECISIONS):
            return
        content = documents.decisions(task).encode()
        write_atomic(path, content)
        _record(folder.root, {**recorded, DECISIONS: sha256_bytes(content)})


def _bring_up_to_date(
    root: Path, name: str, content: bytes, recorded: str | None, overwrite_scripts: bool, done: Generated
) -> None:
    path = root / name
    if not path.is_file():
        done.written.append(name)
    elif path.read_bytes() == content:
        done.unchanged.append(name)
        return
    elif sha256_file(path) == recorded or name.startswith(f"{SCHEMA_FOLDER}/"):  # nobody's own: kinds were added
        done.updated.append(name)
    elif overwrite_scripts and name.startswith("scripts/"):
        aside = path.parent / "replaced" / f"{path.stem}-{sha256_file(path)[:8]}{path.suffix}"
        write_atomic(aside, path.read_bytes())
        done.replaced.append(name)
    else:
        done.kept.append(name)
        return
    write_atomic(path, content)


def _clear_old_wheels(root: Path, recorded: dict[str, str], done: Generated) -> None:
    """Remove wheels of other versions once `pyproject.toml` names this one, and a lock with an old wheel's hash."""
    if "pyproject.toml" in done.kept:
        return
    for name in recorded:
        if _is_wheel(name) and name != f"wheels/{WHEEL_NAME}" and (root / name).is_file():
            (root / name).unlink()
            done.removed.append(name)
    if f"wheels/{WHEEL_NAME}" in (*done.written, *done.updated) and (root / "uv.lock").is_file():
        (root / "uv.lock").unlink()
        done.removed.append("uv.lock")


def _is_wheel(name: str) -> bool:
    """Whether the record, which came along with the folder, names a file in `wheels/` and nothing else."""
    return re.fullmatch(r"wheels/\w[\w.+-]*\.whl", name) is not None


def _recorded_versions(root: Path) -> dict[str, str]:
    path = root / RECORD
    return dict(read_json(path)["files"]) if path.is_file() else {}


def _record(root: Path, files: dict[str, str]) -> None:
    write_json(root / RECORD, {"format": 1, "nlp_skills": __version__, "files": files})
