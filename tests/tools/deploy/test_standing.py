"""What is live is listed as it is at this moment; what fails, or falls, leaves or gets it back."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from nlp_skills.resources.job import job_folder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.deploy import deployments
from tests.tools.deploy.conftest import Conversation
from tests.tools.evaluate.misbehaving import MODEL, misbehaving

pytestmark = [pytest.mark.anyio, pytest.mark.minutes]
SECONDS = 60.0


async def standing(conversation: Conversation) -> dict[str, str]:
    """The newest that has not ended."""
    listed = (await conversation.call("deploy", task="mood", action="list"))["deployments"]
    return next(row for row in listed if row["standing"] != "ended")


async def test_an_endpoint_that_runs_already_is_measured_and_a_broken_one_never_takes_its_place(
    conversation: Conversation, workspace: Workspace, task: TaskFolder, llama_cpp: Path, ollama: str
) -> None:
    await conversation.call("deploy", task="mood", target="ollama", settings={"url": ollama})
    there = {"url": f"{ollama}/v1/", "model": "mood:v1"}
    done = await conversation.call(
        "deploy", task="mood", target="endpoint", settings={**there, "system_is_baked": True}
    )
    assert done["job"]["result"]["parity"]["raw"] == 1.0 and done["job"]["result"]["url"] == ollama
    # vLLM's files are written, and what was started from them is measured where it runs.
    done = await conversation.call("deploy", task="mood", target="vllm", settings={**there, "lora": False})
    assert done["job"]["result"]["parity"]["raw"] == 1.0
    assert [Path(file).name for file in done["job"]["result"]["files"]][:2] == ["serve.sh", "compose.yaml"]
    live = deployments.current(task)

    for fault, said in (("page", "not a chat "), ("flood", "more than "), ("cut", "cut in the middle")):
        with misbehaving(fault) as url:
            refused = await conversation.call(
                "deploy", task="mood", target="endpoint", settings={"url": url, "model": MODEL}
            )
        assert said in refused["error"], fault
    for settings, said in (
        ({"url": ollama, "model": "moods:v1"}, "Did you mean “mood:v1”?"),
        ({"url": url, "model": MODEL}, "Nothing answers at"),
        ({**there, "api_key": "${NOWHERE_KEPT}"}, "nlp-skills secret set NOWHERE_KEPT"),
    ):
        refused = await conversation.call("deploy", task="mood", target="endpoint", settings=settings)
        assert said in refused["error"]
    assert deployments.current(task) == live
    row = await standing(conversation)
    assert (row["target"], row["standing"]) == ("vllm", "live")

    httpx.request("DELETE", f"{ollama}/api/delete", json={"model": "mood:v1"}, trust_env=False)
    row = await standing(conversation)
    assert row["standing"] == "down" and "no longer has mood:v1" in row["problem"]
    told = await conversation.call("deploy", task="mood", action="list")
    assert told["next_step"]["arguments"]["settings"] == {**there, "lora": False}  # all that it takes to do it again


async def test_what_was_killed_is_listed_as_down_and_brought_back(
    conversation: Conversation, workspace: Workspace, task: TaskFolder, llama_cpp: Path
) -> None:
    await conversation.call("deploy", task="mood", target="gguf", settings={"serve": True})
    live = deployments.current(task)
    assert live is not None and live.job and (await standing(conversation))["standing"] == "live"

    # An endpoint named by hand that is our own is measured, and not stopped as one that was replaced.
    await conversation.call(
        "deploy",
        task="mood",
        target="endpoint",
        settings={"url": live.url, "model": live.model, "api_key": live.api_key},
    )
    assert (await standing(conversation))["standing"] == "live"

    process = job_folder(workspace, live.job).process()
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait(SECONDS)
    told = await conversation.call("deploy", task="mood", action="list")
    assert "should answer and does not" in told["message"] and told["next_step"]["arguments"]["action"] == "resume"
    async with conversation.client() as client:
        await client.call_tool(told["next_step"]["tool"], told["next_step"]["arguments"])
    deadline = time.monotonic() + SECONDS
    while (await standing(conversation))["standing"] != "live":
        assert time.monotonic() < deadline
    assert (await conversation.call("deploy", task="mood", action="undeploy"))["stopped"] == "v1"
    assert not deployments.serving_jobs(workspace, task)
