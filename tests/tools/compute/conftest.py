from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.foundation.files import write_yaml
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control, local_process
from tests.tools.compute.sshd import far_folder as far_folder
from tests.tools.compute.sshd import proxy as proxy
from tests.tools.compute.sshd import sshd as sshd
from tests.tools.compute.working import write_work


@pytest.fixture(autouse=True)
def _found_from_every_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    package = str(Path(nlp_skills.__path__[0]).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "workspace")
    workspace.root.mkdir()
    yield workspace
    for folder in job_folders(workspace):
        local_process.stop(folder)


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    task = TaskFolder(workspace.root / "mood")
    task.scripts.mkdir(parents=True)
    write_yaml(task.file, {"name": "mood", "title": "心情", "labels": ["good", "bad"]})
    return task


@pytest.fixture
def start(workspace: Workspace, task: TaskFolder) -> Callable[..., JobFolder]:
    """Submit a job whose work is the given body of `def work(job)`."""

    def submit(body: str, *, head: str = "", kind: str = "train") -> JobFolder:
        write_work(task, body, head, kind)
        return job_control.submit(
            workspace, kind, ["scripts/work.py"], python=sys.executable, task=task, resumable=True
        )

    return submit
