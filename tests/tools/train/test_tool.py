from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings

pytestmark = pytest.mark.anyio


async def call(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return dict(result.structured_content)


async def test_a_client_plans_a_full_fine_tuning_trains_and_is_led_to_evaluation(
    workspace: Workspace, task: TaskFolder, tiny_model: Path
) -> None:
    settings = {"base_model": str(tiny_model), "lora_r": 0, "epochs": 1, "threads": 1, "balance": "oversample"}
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        planned = await call(client, "plan_training", task="news", settings=settings)
        assert planned["next_step"]["tool"] == "train"
        began = time.monotonic()
        answer = await call(client, "train", **planned["next_step"]["arguments"])
        assert time.monotonic() - began < 25
        deadline = time.monotonic() + 120
        while answer["job"]["state"] in ("queued", "running"):
            assert answer["next_step"]["tool"] == "job_status" and time.monotonic() < deadline
            answer = await call(client, "job_status", job_id=answer["job"]["id"], wait_seconds=20)
    assert answer["job"]["state"] == "succeeded", answer
    assert answer["next_step"]["tool"] == "evaluate"
    assert answer["next_step"]["arguments"] == {"task": "news", "version": "v1"}
    assert "75" in answer["message"]  # rows audited
    version = VersionFolder(task, 1)
    info = version.model_info()
    assert info.adapter is None and info.parameters.trainable == info.parameters.total
    assert {"models/v1/model/model.safetensors", "models/v1/model/config.json"} <= info.files.keys()
    assert version.lineage_file.is_file() and not (version.models / "checkpoints").exists()


async def test_training_without_a_plan_is_answered_with_the_first_step(workspace: Workspace, task: TaskFolder) -> None:
    async with Client(build_server(Settings(workspace=workspace.root, language="en"))) as client:
        refused = await client.call_tool("train", {"task": "news"})
    assert refused.is_error and "plan_training" in str(refused.content)
