from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings
from nlp_skills.tools.compute.jobs import job_control
from tests.tools.compute.working import eventually, kill_hard

Start = Callable[..., JobFolder]


def call(workspace: Workspace, tool: str, mode: Any = "auto", **arguments: Any) -> Any:
    async def run() -> Any:
        settings = Settings.from_environment({"NLP_SKILLS_WORKSPACE": str(workspace.root)})
        async with Client(build_server(settings), mode=mode) as client:
            return await client.call_tool(tool, arguments)

    return anyio.run(run)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_curve_comes_as_an_image_beside_the_structured_answer(
    workspace: Workspace, start: Start, mode: str
) -> None:
    folder = start("job.progress(1, 2, loss=0.5)\njob.progress(2, 2, loss=0.25)\nprint('hello')\nreturn {}")
    result = call(workspace, "job_status", mode, job_id=folder.id, chart=True, log_lines=5)
    text, image = result.content
    assert result.structured_content["job"]["state"] == "succeeded"
    assert result.structured_content["log"] == ["hello"]
    assert json.loads(text.text) == result.structured_content
    assert image.mime_type == "image/png" and base64.b64decode(image.data).startswith(b"\x89PNG")


def test_a_chart_of_a_job_without_measures_is_left_out(workspace: Workspace, start: Start) -> None:
    folder = start("return {}")
    assert len(call(workspace, "job_status", job_id=folder.id, chart=True).content) == 1


def test_a_job_is_cancelled_and_resumed_through_the_tools_in_the_language_of_the_job(
    workspace: Workspace, start: Start, task: TaskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_LANGUAGE", "zh-TW")
    folder = start("until('go')\nreturn {}")
    eventually(folder.process)
    cancelled = call(workspace, "manage_job", job_id=folder.id, action="cancel").structured_content
    assert cancelled["job"]["state"] == "cancelled" and "已取消" in cancelled["message"]
    assert cancelled["next_step"]["arguments"] == {"job_id": folder.id, "action": "resume"}
    (task.root / "go").touch()
    resumed = call(workspace, "manage_job", job_id=folder.id, action="resume").structured_content
    assert resumed["job"]["state"] == "succeeded"


def test_jobs_are_listed_and_an_unknown_one_names_the_newest(workspace: Workspace, start: Start) -> None:
    folder = start("return {}")
    job_control.wait(folder, 30)
    listed = call(workspace, "job_status", task="mood").structured_content
    assert [line["id"] for line in listed["jobs"]] == [folder.id] and listed["total"] == 1
    for unknown in ("nope", "../../etc/passwd"):
        error = call(workspace, "job_status", job_id=unknown)
        assert error.is_error and folder.id in error.content[0].text


def test_an_interrupted_job_is_told_and_its_status_comes_at_once(
    workspace: Workspace, start: Start, task: TaskFolder
) -> None:
    folder = start("(TASK / 'up').touch()\ntime.sleep(600)")
    eventually((task.root / "up").exists)
    kill_hard(folder)
    answer = call(workspace, "job_status", job_id=folder.id, wait_seconds=20).structured_content
    assert answer["job"]["state"] == "interrupted"
    assert answer["next_step"] == {
        "say": answer["next_step"]["say"],
        "tool": "manage_job",
        "arguments": {"job_id": folder.id, "action": "resume"},
    }


def test_setting_up_asks_before_it_fetches(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp_skills.tools.compute.consent.find_worker", lambda _: None)
    answer = call(workspace, "set_up", what="environment").structured_content
    assert answer["job"] is None and answer["plan"]["flavour"] in ("cpu", "cuda", "mps")
    assert answer["next_step"]["arguments"] == {"what": "environment", "confirm": True}
    missing = call(workspace, "set_up", what="base_model")
    assert missing.is_error and "[name]" in missing.content[0].text
    assert not Path(workspace.jobs).exists()
