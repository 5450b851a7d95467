"""A workspace with one task in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import nlp_skills
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
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
        return subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, encoding="utf-8",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return start
