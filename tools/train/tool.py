"""The tool module of training."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from ...resources.answer import JobAnswer
from ...resources.foundation.json_object import JsonObject
from ...resources.workspace import Workspace
from ..compute.jobs.view import follow
from ..tool_function import add_tools, tool
from .answers import DiagnosisAnswer, PlanAnswer


def register(server: MCPServer, workspace: Workspace) -> None:
    """Register `plan_training`, `train`, `diagnose` and `reproduce`."""
    add_tools(server, workspace, plan_training, train, diagnose, reproduce)


@tool(
    title="Plan a training · 規劃訓練",
    description="Choose base model and settings with reasons, and estimate how long it takes, what it costs and "
    "whether it fits the GPU. With a parent version only what you give changes. Settings: method (sft, dpo, grpo), "
    "base_model (or a version), lora_r (0 = full), epochs, learning_rate, balance, … 規劃訓練、調參數、顯卡跑得動嗎、要多久、多少錢。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
)
def plan_training(
    workspace: Workspace,
    task: str,
    settings: Annotated[
        JsonObject | None,
        Field(description="only what differs from the default; TRL's names too, its further options as trl: {…}"),
    ] = None,
    parent: Annotated[str | None, Field(description="version to build on; default the newest, or none")] = None,
    changes: Annotated[list[str] | None, Field(description="why, in the person's words")] = None,
    name: str | None = None,
) -> PlanAnswer:
    from . import planning

    return planning.plan_training(workspace, workspace.task(task), settings or {}, parent, changes or [], name)


@tool(
    title="Train · 訓練",
    description="Start (kick off) the fine-tuning: train a plan, the newest where none is named, into the next "
    "version, as a job that goes on by itself; audits every row's labels before the first step. 開始訓練、開始微調。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
)
async def train(
    workspace: Workspace,
    context: Context,
    task: str,
    plan: str | None = None,
    confirm: Annotated[bool, Field(description="the person agreed to time, memory and price")] = False,
    machine: Annotated[str | None, Field(description="a machine of set_up; default this one")] = None,
) -> JobAnswer:
    from .starting import start_training

    job = await anyio.to_thread.run_sync(
        lambda: start_training(workspace, workspace.task(task), plan, machine, confirm)
    )
    return await follow(job, workspace, report=context.report_progress)


@tool(
    title="Diagnose a version · 診斷版本",
    description="Why are the results poor, the answers wrong, labels mixed up, scores lower than hoped or "
    "dropping after deployment; did it overfit, is v2 worse? Call after every evaluation. Ranked causes with "
    "the figures and rows behind them, and one change as a ready plan with its predicted effect. 效果不好、分數低、判錯、"
    "為什麼、準確率一直掉、怎麼改善、過度擬合。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
)
def diagnose(
    workspace: Workspace,
    task: str,
    version: Annotated[str, Field(description="v1, v2, … or latest")] = "latest",
    complaint: Annotated[str, Field(description="the person's own words")] = "",
) -> DiagnosisAnswer:
    from .diagnose import diagnose_version

    return diagnose_version(workspace, workspace.task(task), version, complaint)


@tool(
    title="Reproduce a version · 重現版本",
    description="Get exactly the same version again from scratch: train it from its frozen snapshot and config "
    "in a scratch folder, and prove that data, model and answers are identical, or say what differs. 重現結果、"
    "重跑會一樣嗎。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
)
async def reproduce(
    workspace: Workspace,
    context: Context,
    task: str,
    version: Annotated[str, Field(description="v1, v2, … or latest")] = "latest",
) -> JobAnswer:
    from .starting import start_reproduction

    job = await anyio.to_thread.run_sync(lambda: start_reproduction(workspace, workspace.task(task), version))
    return await follow(job, workspace, report=context.report_progress)
