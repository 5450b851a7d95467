"""What the audit of numbers shares: one task made through the client, and a client that follows jobs."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nlp_skills
from nlp_skills.resources.job import job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from tests.tools.deploy.conftest import Conversation
from tests.tools.evaluate.conftest import make_task as make_task
from tests.tools.evaluate.conftest import tiny as tiny
from tests.tools.evaluate.conftest import versions as versions

ROWS = 60


class PreparedTask:
    """A workspace at one place with the task `mood`, trained and evaluated; put back as it was before each test."""

    def __init__(self, place: Path) -> None:
        self.root, self._kept = place / "workspace", place / "kept"
        self.workspace, self.task = Workspace(self.root), TaskFolder(self.root / "mood")
        self.base = self.root / "inbox" / "base"
        self.conversation = Conversation(self.workspace)

    def keep(self) -> None:
        shutil.copytree(self.root, self._kept, symlinks=True)

    def put_back(self) -> None:
        for folder in job_folders(self.workspace):
            job_control.cancel(folder)
        shutil.rmtree(self.root)
        shutil.copytree(self._kept, self.root, symlinks=True)

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return await self.conversation.call(tool, task="mood", **arguments)

    async def read_refusal(self, tool: str, **arguments: Any) -> str:
        """The words of a refusal; a call that went through is a failure of the test."""
        answer = await self.call(tool, **arguments)
        assert "error" in answer, (tool, answer)
        return str(answer["error"])


@pytest.fixture
def with_jobs(monkeypatch: pytest.MonkeyPatch, worker: Path) -> None:
    """Jobs find the package and the worker from every folder."""
    package = str(Path(nlp_skills.__path__[0]).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("NLP_SKILLS_WORKER", str(worker))


@pytest.fixture(scope="module")
def trained(worker: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedTask:
    """`mood` with v1 and v2: adapters on a copy of the tiny base that lies in the inbox, made by the tools alone."""
    import anyio

    standing = PreparedTask(tmp_path_factory.mktemp("standing"))
    shutil.copytree(tiny_model, standing.base)
    (standing.base / "notes.json").write_text(f'["{"x" * 2_000_000}"]', encoding="utf-8")  # large, as weights are
    rows = standing.root / "inbox" / "rows.csv"
    with rows.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(
            [f"{'rose' if number % 2 else 'fell'} by {number}", "good" if number % 2 else "bad"]
            for number in range(ROWS)
        )
    settings = {"base_model": str(standing.base), "lora_r": 32, "epochs": 12, "learning_rate": 2e-2, "threads": 1}

    async def tell() -> None:
        answer = await standing.conversation.call(
            "create_task", title="Mood", name="mood", type="classification", language="en", labels=["good", "bad"]
        )
        assert "error" not in answer, answer
        for tool, arguments in (
            ("set_data_source", {"sources": [{"type": "file", "path": str(rows)}]}),
            ("prepare_data", {}),
            ("plan_training", {"settings": settings}),
            ("train", {"confirm": True}),
            ("evaluate", {}),
            ("plan_training", {"parent": "v1", "settings": {"epochs": 13}}),
            ("train", {"confirm": True}),
            ("evaluate", {}),
        ):
            answer = await standing.call(tool, **arguments)
            assert "error" not in answer, (tool, answer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLP_SKILLS_WORKER", str(worker))
        patch.setenv("NLP_SKILLS_WORKSPACE", str(standing.root))
        anyio.run(tell)
    standing.keep()
    return standing


@pytest.fixture
def standing(trained: PreparedTask, with_jobs: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[PreparedTask]:
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(trained.root))
    trained.put_back()
    yield trained
    for folder in job_folders(trained.workspace):
        job_control.cancel(folder)


Tamper = Callable[[PreparedTask], None]
