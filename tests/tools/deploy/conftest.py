"""One small task, trained and evaluated for real once a session; each test works on a copy of it."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from mcp.client import Client

from nlp_skills.resources.job import job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.jobs import job_control
from tests.conftest import CACHE
from tests.tools.deploy import fake_ollama

ROWS = 60


class Conversation:
    """A client's calls: the structured answer, or the text of the error; jobs are followed to their end."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def client(self) -> Client:
        from nlp_skills.server.app import build_server  # the worker's tests of this folder need no server
        from nlp_skills.server.settings import Settings

        return Client(build_server(Settings(workspace=self.workspace.root)))

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        async with self.client() as client:
            result = await client.call_tool(tool, arguments)
            while not result.is_error and _running(result.structured_content):
                job = dict(result.structured_content or {})["job"]["id"]
                result = await client.call_tool("job_status", {"job_id": job})
        if result.is_error:
            return {"error": "".join(getattr(part, "text", "") for part in result.content)}
        answer = dict(result.structured_content or {})
        if (answer.get("job") or {}).get("state") == "failed":  # it took longer than a call, so job_status told it
            return {"error": f"{answer['message']} {answer['next_step']['say']}"}
        return answer


def _running(answer: Any) -> bool:
    return bool(answer and answer.get("job") and answer["job"]["state"] in ("queued", "running"))


@pytest.fixture(scope="session")
def evaluated(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The task `mood` with v1 trained and evaluated by its stages; made once for all the processes that run tests."""
    place = tmp_path_factory.getbasetemp()
    place = (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "deploy"
    with FileLock(f"{place}.lock"):
        if not (done := place / "done").exists():
            place.mkdir(exist_ok=True)
            rows = place / "rows.csv"
            with rows.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["text", "label"])
                writer.writerows(
                    [f"{'rose' if number % 2 else 'fell'} by {number}", "good" if number % 2 else "bad"]
                    for number in range(ROWS)
                )
            _write_task(place / "workspace", tiny_model, rows)
            done.touch()
    return place / "workspace"


def _write_task(root: Path, base: Path, rows: Path) -> Path:
    import anyio

    conversation = Conversation(Workspace(root))

    async def tell() -> None:
        steps: list[tuple[str, dict[str, Any]]] = [
            (
                "create_task",
                {
                    "title": "Mood",
                    "name": "mood",
                    "type": "classification",
                    "language": "en",
                    "labels": ["good", "bad"],
                },
            ),
            ("set_data_source", {"sources": [{"type": "file", "path": str(rows)}]}),
            ("prepare_data", {}),
            (
                "plan_training",
                {"settings": {"base_model": str(base), "lora_r": 0, "epochs": 10, "learning_rate": 5e-3}},
            ),
            ("train", {"confirm": True}),
            ("evaluate", {}),
        ]
        for tool, arguments in steps:
            named = arguments if tool == "create_task" else {"task": "mood", **arguments}
            answer = await conversation.call(tool, **named)
            assert "error" not in answer, (tool, answer)

    anyio.run(tell)
    return root


@pytest.fixture
def workspace(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    shutil.copytree(evaluated, tmp_path / "workspace")
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(tmp_path / "workspace"))
    workspace = Workspace(tmp_path / "workspace")
    yield workspace
    for folder in job_folders(workspace):
        job_control.cancel(folder)


@pytest.fixture
def conversation(workspace: Workspace) -> Conversation:
    return Conversation(workspace)


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    return workspace.task("mood")


@pytest.fixture
def ollama(worker: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a server that speaks Ollama's protocol and answers with llama.cpp."""
    with fake_ollama.apart(worker, tmp_path / "ollama") as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp(worker: Path) -> Path:
    """llama.cpp's converter, fetched once a machine; where it cannot be had the tests that need it are left out."""
    probe = (
        "from pathlib import Path; import sys; from unittest.mock import MagicMock; "
        "from nlp_skills.tools.deploy.llama_cpp import converter_folder; import xllamacpp; "
        "print(converter_folder(MagicMock()))"
    )
    environment = {**os.environ, "NLP_SKILLS_CACHE": os.environ.get("NLP_SKILLS_CACHE") or str(CACHE)}
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "llama_cpp.lock"):
        found = subprocess.run(
            [worker, "-c", probe],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            check=False,
        )
    if found.returncode:
        why = found.stderr.strip().splitlines()[-1]
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    os.environ["LLAMA_CPP"] = found.stdout.strip()
    return Path(found.stdout.strip())
