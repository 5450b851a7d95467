"""A workspace with one task in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.data_source import SplitPolicy
from nlp_skills.resources.foundation.files import lock, sha256_file, write_json, write_yaml
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.validation import ValidationReport
from nlp_skills.resources.version import VersionFolder, reserve_version
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.data.rows import row_id
from nlp_skills.tools.data.snapshot import adopt
from nlp_skills.tools.data.store import commit_snapshot
from nlp_skills.tools.tasks.create import create_task


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    return create_task(workspace, "Reviews", "classification", "en", labels=["good", "bad"]).folder


@pytest.fixture
def environment() -> dict[str, str]:
    """For another process: the package as these tests import it."""
    return {**os.environ, "PYTHONPATH": str(Path(nlp_skills.__file__).parent.parent), "PYTHONUTF8": "1"}


@pytest.fixture
def start_python(environment: dict[str, str]) -> Callable[[str], subprocess.Popen[str]]:
    def start(code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


MakeVersion = Callable[..., VersionFolder]


@pytest.fixture
def with_data(task: TaskFolder) -> TaskFolder:
    """The task with a snapshot, its working copies and a frozen benchmark."""
    return fill_data(task)


@pytest.fixture
def make_version(task: TaskFolder) -> MakeVersion:
    """A trained version with a model of `size` bytes; evaluated where a score is given."""
    return partial(write_version, task)


def fill_data(task: TaskFolder) -> TaskFolder:
    rows = [
        {"id": row_id(text, None), "text": text, "label": label}
        for number in range(12)
        for text, label in ((f"good {number}", "good"), (f"bad {number}", "bad"))
    ]
    snapshot = commit_snapshot(
        task,
        {"train": rows[:16], "valid": rows[16:20], "test": rows[20:]},
        ValidationReport(errors=[]),
        kind="generated",
        parent=None,
        raw=[],
        source_hash="ab" * 32,
        policy=SplitPolicy(),
    )
    with lock(task.data / "current.json"):
        adopt(task, snapshot)
    return task


def write_version(
    task: TaskFolder,
    macro_f1: float | None = None,
    *,
    size: int = 1000,
    benchmark: str = "aa" * 32,
    base_model: str = "tiny",
    **config: object,
) -> VersionFolder:
    folder = reserve_version(task)
    write_yaml(
        folder.config_file,
        {"format": 1, "name": "plan", "parent": None, "base_model": base_model, "method": "sft", "seed": 42, **config},
    )
    write_json(
        folder.data_snapshot_file,
        {
            "format": 1,
            "hash": "11" * 32,
            "counts": {"train": 16},
            "label_counts": {"train": {"good": 8, "bad": 8}},
            "file_hashes": {},
        },
    )
    model = folder.models / "adapter" / "weights.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(bytes([folder.number]) * size)
    write_json(
        folder.model_info_file,
        {
            "format": 1,
            "created": "2026-01-06T15:00:00Z",
            "adapter": f"models/{folder.name}/adapter",
            "model": None,
            "base_model": {"name": base_model, "path": base_model, "hash": "44" * 32},
            "training": {"seconds": 60.0},
            "files": {model.relative_to(task.root).as_posix(): sha256_file(model)},
        },
    )
    if macro_f1 is not None:
        evaluate(folder, macro_f1, benchmark)
    return folder


def evaluate(folder: VersionFolder, macro_f1: float, benchmark: str = "aa" * 32) -> None:
    figure = {"value": macro_f1, "low": macro_f1 - 0.05, "high": macro_f1 + 0.05}
    write_json(
        folder.results_file,
        {
            "format": 1,
            "evaluations": [
                {
                    "id": "e1",
                    "created": f"2026-01-06T15:00:0{folder.number}Z",
                    "benchmark": {"name": "main", "hash": benchmark, "count": 150},
                    "metrics": {"macro_f1": figure, "accuracy": figure, "invalid_rate": {"value": 0.0}},
                    "predictions_hash": "55" * 32,
                }
            ],
        },
    )


def deploy_version(task: TaskFolder, version: str) -> None:
    write_json(task.deployments / "current.json", {"format": 1, "id": "d1", "version": version})


def everything_below(root: Path) -> dict[str, bytes]:
    """Every file below a folder by its path; locks are not part of what stands."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }
