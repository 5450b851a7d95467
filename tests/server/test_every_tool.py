"""Every tool, once, as a client meets the server: a light process on stdio, its jobs in the worker environment."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.minutes,
    pytest.mark.skipif("NLP_SKILLS_WORKER" not in os.environ, reason="NLP_SKILLS_WORKER names no worker environment"),
]

MOST_MEGABYTES = 130
MOST_CHARACTERS = 8_000  # about 2,000 tokens, unless detail is asked for
LONGEST_CALL_SECONDS = 30.0
HEAVY = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "pandas",
    "polars",
    "pyarrow",
    "sklearn",
    "scipy",
    "numpy",
    "matplotlib",
)
TASK = "reviews"
LABELS = ("positive", "neutral", "negative")
# A server that writes down, when it ends, which modules it has loaded.
SERVER = """
import atexit, json, os, pathlib, sys
seen = pathlib.Path(os.environ["SEEN"])
atexit.register(lambda: seen.write_text(json.dumps(sorted(sys.modules)), encoding="utf-8"))
from nlp_skills.server.cli import main
sys.exit(main(["serve"]))
"""


class Session:
    """Calls tools by name and follows jobs to their end, remembering which tools were called."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.called: set[str] = set()

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        self.called.add(tool)
        with anyio.fail_after(LONGEST_CALL_SECONDS):
            answer = await self.client.call_tool(tool, arguments)
        assert not answer.is_error and answer.structured_content, (tool, arguments, answer.content)
        assert answer.structured_content["next_step"]["say"]
        assert len(json.dumps(answer.structured_content, ensure_ascii=False)) <= MOST_CHARACTERS, tool
        content: dict[str, Any] = answer.structured_content
        return content

    async def job(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that starts a job, and wait for the job."""
        answer = await self(tool, **arguments)
        while answer["job"]["state"] in ("queued", "running"):
            answer = await self("job_status", job_id=answer["job"]["id"], wait_seconds=20)
        assert answer["job"]["state"] == "succeeded", answer
        return answer

    async def running(self, kind: str) -> str:
        """The id of the running job of that kind, as soon as there is one."""
        with anyio.fail_after(LONGEST_CALL_SECONDS):
            while True:
                listed = await self("job_status", task=TASK)
                for job in listed["jobs"]:
                    if job["kind"] == kind and job["state"] == "running":
                        return str(job["id"])
                await anyio.sleep(0.1)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(_rows())
    return path


def _rows() -> Iterator[tuple[str, str]]:
    words = {"positive": ("loved", "praised"), "neutral": ("described", "listed"), "negative": ("hated", "returned")}
    for number in range(30):
        for label in LABELS:
            yield f"Buyer {number} {words[label][number % 2]} the kettle on day {number * 7 % 31}.", label


async def test_every_tool_works_and_the_server_stays_light(tmp_path: Path, tiny_model: Path, rows: Path) -> None:
    seen = tmp_path / "modules.json"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-c", SERVER],
        env={**os.environ, "NLP_SKILLS_WORKSPACE": str(tmp_path / "workspace"), "SEEN": str(seen)},
    )
    before = {process.pid for process in psutil.Process().children()}
    async with Client(parameters) as client:
        (server,) = [process for process in psutil.Process().children() if process.pid not in before]
        call = Session(client)
        await _prepare(call, rows)
        await _train_and_deploy(call, tiny_model)
        offered = {tool.name for tool in (await client.list_tools()).tools}
        megabytes = server.memory_info().rss / 1e6
    assert call.called == offered
    assert megabytes <= MOST_MEGABYTES
    loaded = {name.partition(".")[0] for name in json.loads(seen.read_text(encoding="utf-8"))}
    assert not loaded & set(HEAVY)


async def _prepare(call: Session, rows: Path) -> None:
    await call("coach", message="I want to train a model")
    await call(
        "create_task",
        name=TASK,
        title="Kettle reviews",
        type="classification",
        language="en",
        goal="sort reviews",
        labels=list(LABELS),
        success_criteria={"metric": "macro_f1", "threshold": 0.8},
    )
    await call("update_task", task=TASK, note="first look")
    await call("list_tasks")
    await call("manage_task", action="generate", task=TASK)
    await call("read_resource", uri=f"nlp-skills://tasks/{TASK}")
    await call("set_up", what="environment")
    await call.job("set_data_source", task=TASK, sources=[{"type": "file", "path": str(rows)}])
    await call.job("prepare_data", task=TASK)
    await call("add_examples", task=TASK, action="status")


async def _train_and_deploy(call: Session, base_model: Path) -> None:
    # All of the model, in large steps: it must learn to end its answers, or the endpoint would write on and on.
    settings = {"base_model": str(base_model), "lora_r": 0, "epochs": 8, "learning_rate": 1e-2, "batch_size": 8}
    await call("plan_training", task=TASK, settings=settings)
    async with anyio.create_task_group() as training:
        training.start_soon(call.client.call_tool, "train", {"task": TASK, "confirm": True})
        job = await call.running("train")
        await call("manage_job", job_id=job, action="cancel")
    await call.job("manage_job", job_id=job, action="resume")
    await call.job("evaluate", task=TASK, version="v1")
    await call("plan_training", task=TASK, settings={"epochs": 9}, parent="v1", changes=["longer"])
    await call.job("train", task=TASK, confirm=True)
    await call.job("evaluate", task=TASK, version="v2")
    await call.job("compare_versions", task=TASK, a="v1", b="v2")
    await call("diagnose", task=TASK, version="v2", complaint="no better than before")
    await call.job("reproduce", task=TASK, version="v1")
    await call.job("deploy", task=TASK, version="v2", override_reason="a test of the road, not of the model")
    await call("deploy", task=TASK, action="list")
    await call("deploy", task=TASK, action="undeploy")
    answer = await call.job("try_model", task=TASK, model="v1", beside=["v2"], rows=2)
    assert set(answer["job"]["result"]["rows"][0]["answers"]) == {"v1", "v2"}
