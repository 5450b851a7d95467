"""The tool module of jobs and of what they run on."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Literal

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from ...resources.answer import JobAnswer
from ...resources.foundation.json_object import JsonObject
from ...resources.job import JobFolder, job_folder
from ...resources.workspace import Workspace
from ..tool_function import add_tools, tool
from .answers import JobStatus, SetUp, What
from .cancel import cancel_job
from .jobs import job_control
from .jobs.view import LONGEST_WAIT_SECONDS, chart_of, follow, list_answer, status_answer, wait_until_ended

_RESUMED_SECONDS = 15.0


def register(server: MCPServer, workspace: Workspace) -> None:
    """Register `job_status`, `manage_job` and `set_up`."""
    add_tools(server, workspace, job_status, manage_job, set_up)


@tool(
    title="Progress of jobs · 工作進度",
    description="Is it done yet? Where a job stands, its loss so far and how long it still takes: waits up to "
    "wait_seconds for its end. chart=true adds the loss curve as an image. Without job_id: lists jobs, newest "
    "first. 進度、跑到哪了、還要多久、好了嗎、曲線。",
    annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
)
async def job_status(
    workspace: Workspace,
    context: Context,
    job_id: str | None = None,
    task: Annotated[str | None, Field(description="list this task's jobs only")] = None,
    wait_seconds: Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS)] = 20,
    log_lines: Annotated[int, Field(ge=0, le=200)] = 0,
    chart: bool = False,
    offset: Annotated[int, Field(ge=0, description="of the list")] = 0,
) -> Annotated[CallToolResult, JobStatus]:
    if job_id is None:
        return _result(
            await anyio.to_thread.run_sync(list_answer, workspace, workspace.task(task) if task else None, offset)
        )
    folder = job_folder(workspace, job_id)
    await wait_until_ended(folder, wait_seconds, context.report_progress)
    answer = await anyio.to_thread.run_sync(status_answer, folder, log_lines)
    return _result(answer, await anyio.to_thread.run_sync(chart_of, folder) if chart else None)


@tool(
    title="Stop or resume a job · 停止或接續工作",
    description="cancel: stop a running job and everything it started; what it has committed is kept. resume: pick "
    "up where it stopped, after a crash or power cut: an interrupted, failed or cancelled job runs on under its id, "
    "training from its last checkpoint. 取消、停掉、中止訓練；接續、當機、訓練中斷。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True),
)
async def manage_job(
    workspace: Workspace, context: Context, job_id: str, action: Literal["cancel", "resume"]
) -> JobAnswer:
    began = time.monotonic()
    folder = job_folder(workspace, job_id)
    if action == "cancel":
        await anyio.to_thread.run_sync(cancel_job, folder)
        answer = await anyio.to_thread.run_sync(status_answer, folder, 0)
        assert answer.job is not None
        return JobAnswer(message=answer.message, next_step=answer.next_step, job=answer.job)
    await anyio.to_thread.run_sync(job_control.resume, folder, workspace)
    left = max(1.0, _RESUMED_SECONDS - (time.monotonic() - began))
    return await follow(folder, workspace, left, context.report_progress)


@tool(
    title="Prepare this machine · 準備環境",
    description="Install what is missing: the worker environment (PyTorch, training libraries), a base model from a "
    "hub, or another machine to train on: over SSH, or rented in a cloud {kind: sky, infra, gpus}. Without confirm it "
    "only tells size, place, licence, price or host key: ask the person, then confirm. 安裝環境、沒有安裝 PyTorch、"
    "下載模型、SSH 遠端機器、租雲端 GPU。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
)
async def set_up(
    workspace: Workspace,
    context: Context,
    what: What,
    name: Annotated[str | None, Field(description="hub id of the base model; the machine's name")] = None,
    settings: Annotated[JsonObject | None, Field(description="of a machine: host; kind, infra, gpus; …")] = None,
    confirm: Annotated[bool, Field(description="the person said yes")] = False,
) -> SetUp:
    from .consent import set_up_base_model, set_up_environment, set_up_machine

    prepare = {
        "environment": partial(set_up_environment, workspace, confirm),
        "base_model": partial(set_up_base_model, workspace, name, confirm),
        "machine": partial(set_up_machine, workspace, name, settings, confirm),
    }[what]
    done = await anyio.to_thread.run_sync(prepare)
    if not isinstance(done, JobFolder):
        return done
    answer = await follow(done, workspace, _RESUMED_SECONDS, context.report_progress)
    return SetUp(message=answer.message, next_step=answer.next_step, job=answer.job)


def _result(answer: JobStatus, picture: bytes | None = None) -> CallToolResult:
    """The answer as structured content and as text for clients that show only that, with the picture beside it."""
    content = answer.model_dump(mode="json")
    shown = [TextContent(type="text", text=answer.model_dump_json(indent=2))]
    image = [Image(data=picture, format="png").to_image_content()] if picture else []
    return CallToolResult(content=[*shown, *image], structured_content=content)
