"""Where the journeys begin: an empty workspace, or one in which a first version was trained, compared, deployed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from nlp_skills.resources.foundation.language import LANGUAGES, Language
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from tests.journeys import mails
from tests.permissions import allow_for_tests

TASK = "mail"
# A few labels are wrong, so that the scores are those of life: good, and not perfect.
WRONG_LABELS = 0.06
SAID: dict[str, dict[str, Any]] = {
    "en": {
        "pain_point": "Two people sort 400 customer mails by hand every morning, and urgent ones wait until noon",
        "goal": "Every mail is in the right queue within a minute",
    },
    "zh-TW": {
        "pain_point": "兩位同事每天早上手動分 400 封客服信，急件常常拖到中午才被看到",
        "goal": "每封信一分鐘內進到正確的佇列",
    },
}


@dataclass(frozen=True)
class Started:
    """A workspace with a task whose v1 is good and evaluated, v2 trained with a useless rate, v1 deployed."""

    workspace: Path
    macro_f1: float


@pytest.fixture(scope="session")
def base_model(demo_base_model: Path) -> Iterator[Path]:
    """What every plan of these tests begins from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLP_SKILLS_BASE_MODEL", str(demo_base_model))
        yield demo_base_model


@pytest.fixture(params=LANGUAGES, scope="session")
def language(request: pytest.FixtureRequest) -> Language:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def started(language: Language, base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    workspace = tmp_path_factory.mktemp(f"started-{language}") / "workspace"
    workspace.mkdir()
    score = anyio.run(_first_versions, workspace, language)
    yield Started(workspace, score)
    anyio.run(_call, workspace, "deploy", {"task": TASK, "action": "undeploy"})


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    allow_for_tests(tmp_path / "secrets")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


def copy_workspace(started: Started, to: Path) -> Path:
    """A workspace of one's own that stands where `started` stands."""
    return Path(shutil.copytree(started.workspace, to, symlinks=True))


async def _first_versions(workspace: Path, language: Language) -> float:
    rows = mails.mails(language, 120)
    labels = mails.labels(language)
    for row in rows[:: round(1 / WRONG_LABELS)]:
        row["topic"] = labels[(labels.index(row["topic"]) + 1) % len(labels)]
    path = mails.write_csv(workspace / "mails.csv", rows)
    source = {"type": "file", "path": str(path), "mapping": {"text": "body", "label": "topic"}}
    async with Client(build_server(Settings(workspace=workspace, language=language))) as client:
        await _call_tool(
            client,
            "create_task",
            title=TASK,
            name=TASK,
            type="classification",
            language=language,
            labels=labels,
            success_criteria={"threshold": 0.6, "baseline": 0.5},
            **SAID[language],
        )
        await _call_tool(
            client, "set_data_source", task=TASK, sources=[source], split={"train": 0.6, "valid": 0.15, "test": 0.25}
        )
        await _call_tool(client, "prepare_data", task=TASK)
        for plan in ({}, {"learning_rate": 1e-6, "epochs": 1}):
            await _call_tool(client, "plan_training", task=TASK, settings=plan)
            await _call_tool(client, "train", task=TASK)
            evaluated = await _call_tool(client, "evaluate", task=TASK)
            assert evaluated["job"]["state"] == "succeeded", evaluated
        await _call_tool(client, "deploy", task=TASK, version="v1")
        listed = await _call_tool(client, "list_tasks")
    return float(listed["tasks"][0]["best_score"])


async def _call_tool(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    content = dict(answer.structured_content or {})
    while (job := content.get("job")) and job["state"] in ("queued", "running"):
        answer = await client.call_tool("job_status", {"job_id": job["id"]})
        assert not answer.is_error, answer.content
        content = dict(answer.structured_content or {})
    return content


async def _call(workspace: Path, tool: str, arguments: dict[str, Any]) -> None:
    async with Client(build_server(Settings(workspace=workspace))) as client:
        await client.call_tool(tool, arguments)
