from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from mcp import Client

import nlp_skills
from nlp_skills.resources.foundation.files import read_json, write_yaml
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.boundary import GuardedServer
from nlp_skills.server.demo.postgres import PostgresServer, find_postgres, running_postgres
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.regenerate import regenerate
from nlp_skills.tools.data.tool import register
from nlp_skills.tools.evaluate.proposing import start
from tests.permissions import allow_for_tests
from tests.tools.data.misbehaving import Peer, peer

Rows = list[dict[str, Any]]

hypothesis.settings.register_profile("loaded-machine", deadline=None)  # wall-clock limits fail where others work too
hypothesis.settings.load_profile("loaded-machine")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test has its own secrets, and its jobs find the package whatever folder they start in."""
    package = str(Path(nlp_skills.__path__[0]).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    allow_for_tests(tmp_path / "secrets")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def task(workspace: Workspace) -> TaskFolder:
    """An entity-sentiment task with three Chinese labels."""
    task = TaskFolder(workspace.root / "entity-sentiment")
    task.root.mkdir(parents=True)
    write_yaml(
        task.file,
        {
            "name": "entity-sentiment",
            "type": "entity-classification",
            "language": "zh-TW",
            "labels": ["正面", "中性", "負面"],
        },
    )
    return task


@pytest.fixture
def job(tmp_path: Path) -> RunningJob:
    folder = JobFolder(tmp_path / "job")
    folder.root.mkdir()
    return RunningJob(folder, None, by_hand=False)


@pytest.fixture
def prepare(task: TaskFolder, job: RunningJob) -> Callable[..., dict[str, Any]]:
    """Regenerate the task's data in this process."""
    return lambda **settings: regenerate(task, job, **settings)


@pytest.fixture
def server() -> Iterator[Peer]:
    """A server of this machine that misbehaves where it is told to."""
    with peer() as here:
        yield here


@pytest.fixture
async def client(workspace: Workspace, task: TaskFolder) -> AsyncIterator[Client]:
    """A client of the data tools, in the language of the task."""
    server = GuardedServer(workspace=workspace, language=None, name="nlp-skills")
    register(server, workspace, start)
    async with Client(server) as client:
        yield client


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server with a table `annotations` of 2,500 labelled rows."""
    if find_postgres() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed; continuous integration must test with it")
        pytest.skip("PostgreSQL is not installed here (initdb was not found)")
    with running_postgres() as server:
        server.execute("CREATE TABLE annotations (id serial, text text, entity text, label text, marked date)")
        server.insert(
            "annotations",
            ["text", "entity", "label", "marked"],
            [
                (row["text"], row["entity"], row["label"], date)
                for row, date in zip(sentences(2500), _dates(2500), strict=True)
            ],
        )
        yield server


def sentences(count: int, start: int = 0) -> Rows:
    """Distinct rows whose label follows from the sentence."""
    endings = {"正面": "營收創下新高", "中性": "召開例行股東會", "負面": "獲利大幅下滑"}
    labels = list(endings)
    return [
        {
            "text": f"公司甲{number}本季{endings[labels[number % 3]]}。",
            "entity": f"公司甲{number}",
            "label": labels[number % 3],
        }
        for number in range(start, start + count)
    ]


def quarterly_news() -> Rows:
    """Eight patterns of sentences, each for three companies and three quarters."""
    return [
        {"text": f"{company}第{quarter}季{event}", "entity": company, "label": label}
        for event, label in (
            ("營收成長", "正面"),
            ("獲利衰退", "負面"),
            ("改選董事", "中性"),
            ("接獲大單", "正面"),
            ("遭到罰款", "負面"),
            ("公布財報", "中性"),
            ("調高財測", "正面"),
            ("裁減人力", "負面"),
        )
        for company in ("台積電", "鴻海", "聯發科")
        for quarter in (1, 2, 3)
    ]


def _dates(count: int) -> list[Any]:
    import datetime

    return [datetime.date(2026, 1, 1) + datetime.timedelta(days=number % 20) for number in range(count)]


def current(task: TaskFolder) -> str:
    return str(read_json(task.data / "current.json")["hash"])
