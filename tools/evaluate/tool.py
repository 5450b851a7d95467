"""The tool module of evaluation."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from ...resources.answer import JobAnswer
from ...resources.job import JobFolder
from ...resources.workspace import Workspace
from ..compute.jobs.view import follow
from ..tool_function import add_tools, tool


def register(server: MCPServer, workspace: Workspace) -> None:
    """Register `evaluate`, `compare_versions` and `try_model`."""
    add_tools(server, workspace, evaluate, compare_versions, try_model)


@tool(
    title="Evaluate a version · 評估版本",
    description="Run the frozen test set against a trained version, decoded as it will be deployed: how good is "
    "it on unseen data: macro-F1, accuracy, entity F1, chrF or preferences with 95 % intervals, beside simple "
    "methods and the untuned model. 評估、用測試集打分數、準確率、訓練完結果好嗎。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
)
async def evaluate(
    workspace: Workspace,
    context: Context,
    task: str,
    version: Annotated[str, Field(description="v1, v2, … or latest")] = "latest",
    benchmark: Annotated[str, Field(description="its name; empty: main")] = "",
) -> JobAnswer:
    from .starting import start_evaluation

    job = await anyio.to_thread.run_sync(lambda: start_evaluation(workspace, workspace.task(task), version, benchmark))
    return await follow(job, workspace, report=context.report_progress)


@tool(
    title="Compare two versions · 比較版本",
    description="Two versions side by side: is the new version better than the old one, or is it noise? A paired "
    "test on the same benchmark rows; also settings, data and per-class differences. 比較 v1 和 "
    "v2、新版有比較好嗎。",
    annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True),
)
async def compare_versions(
    workspace: Workspace,
    context: Context,
    task: str,
    a: Annotated[str, Field(description="the earlier version, e.g. v1, or a tried model, e.g. ollama:qwen3")],
    b: Annotated[str, Field(description="the later version, e.g. v2")],
) -> JobAnswer:
    from .starting import start_comparison

    job = await anyio.to_thread.run_sync(lambda: start_comparison(workspace, workspace.task(task), a, b))
    return await follow(job, workspace, report=context.report_progress)


@tool(
    title="Try a model · 試用模型",
    description="Try any existing model before training: an Ollama model, a GGUF file, an OpenAI-compatible "
    "endpoint, a base model, or a version. ask: a text or a few validation rows side by side; evaluate: the frozen "
    "benchmark, to see whether it is good enough already. 試用現成模型、問一句看看、測 Ollama 模型。",
    annotations=ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    ),
)
async def try_model(
    workspace: Workspace,
    context: Context,
    task: str,
    model: Annotated[
        str, Field(description="ollama:qwen3, gguf:/path.gguf, base:Qwen/Qwen3-0.6B, v2, or the name at url")
    ],
    action: Literal["ask", "evaluate"] = "ask",
    text: str = "",
    entity: str = "",
    rows: int = 3,
    beside: Annotated[list[str] | None, Field(description="more models to ask the same")] = None,
    url: Annotated[str, Field(description="of an endpoint")] = "",
    api_key: Annotated[str, Field(description="a stored secret, as ${NAME}")] = "",
    benchmark: str = "",
    confirm: bool = False,
) -> JobAnswer:
    from ...resources.foundation import typed_secrets
    from ..data.definition import add_rotation_notice, rotate_notice
    from .starting import start_trying

    def start() -> JobFolder:
        options = {
            "url": moved["url"],
            "api-key": moved["api_key"],
            "text": text,
            "entity": entity,
            "benchmark": benchmark,
        }
        return start_trying(workspace, workspace.task(task), [model, *(beside or [])], action, options, rows, confirm)

    moved, names = await anyio.to_thread.run_sync(
        partial(typed_secrets.move_inline, {"api_key": api_key, "url": url}, prefix="endpoint_")
    )
    with add_rotation_notice(names):
        job = await anyio.to_thread.run_sync(start)
        answer = await follow(job, workspace, report=context.report_progress)
    notice = rotate_notice(names)
    return answer.model_copy(update={"message": f"{answer.message} {notice}"}) if notice else answer
