from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from nlp_skills.resources.files import write_yaml
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute import jobs
from nlp_skills.tools.compute.machines import local

HEAD = """
import sys, time, os, subprocess
from pathlib import Path
from nlp_skills.resources.language import Text
from nlp_skills.resources.errors import DataError, Cancelled
from nlp_skills.tools.compute.running import run_job
TASK = Path(__file__).resolve().parents[1]

def until(file):  # the test lets the work go on by creating a file
    deadline = time.monotonic() + 60
    while not (TASK / file).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)

"""
FOOT = """
sys.exit(run_job("train", work, entry=["scripts/work.py"], arguments=sys.argv[1:], task=TASK, resumable=True))
"""


def eventually[T](look: Callable[[], T], seconds: float = 30.0) -> T:
    """What `look` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return seen


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "workspace")
    workspace.root.mkdir()
    yield workspace
    for folder in job_folders(workspace):
        local.stop(folder)


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
        write_work(task, body, head)
        return jobs.submit(workspace, kind, ["scripts/work.py"], python=sys.executable, task=task, resumable=True)

    return submit


def write_work(task: TaskFolder, body: str, head: str = "") -> Path:
    script = task.scripts / "work.py"
    work = "def work(job):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"
    script.write_text(textwrap.dedent(head) + HEAD + work + FOOT, encoding="utf-8")
    return script


def kill_hard(folder: JobFolder) -> None:
    process = eventually(folder.process)
    process.kill()
    psutil.wait_procs([process], timeout=10)
