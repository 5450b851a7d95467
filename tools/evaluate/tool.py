"""The door of evaluation."""

from __future__ import annotations

from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from ...resources.answer import JobAnswer
from ...resources.removal import require_model
from ...resources.version import version as find_version
from ...resources.workspace import Workspace
from ..compute import jobs
from ..compute.view import follow
from ..compute.worker import worker_python
from ..data.benchmark import frozen_benchmark
from . import compare, run
from .model import trained_version


def register(server: MCPServer, workspace: Workspace) -> None:
    """Register `evaluate` and `compare_versions`."""

    @server.tool(
        name="evaluate", title="Evaluate a version · 評估版本",
        description="Run the frozen test set against a trained version, decoded as it will be deployed: how good is "
        "it on unseen data, macro-F1, accuracy, per class, 95 % intervals, beside majority class, TF-IDF and the "
        "untuned model. 評估、用測試集打分數、準確率、訓練完結果好嗎。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False),
        structured_output=True,
    )
    async def evaluate(
        context: Context,
        task: str,
        version: Annotated[str, Field(description="v1, v2, … or latest")] = "latest",
        benchmark: Annotated[str, Field(description="its name; empty: main")] = "",
    ) -> JobAnswer:
        folder = workspace.task(task)
        chosen = trained_version(folder, version)
        require_model(chosen)
        frozen_benchmark(folder, benchmark or None)  # a wrong name is told before a job is started
        run.check_script(folder)
        arguments = ["--version", chosen.name, *(["--benchmark", benchmark] if benchmark else [])]
        job = jobs.submit(workspace, "evaluate", run.ENTRY, arguments, python=worker_python(workspace), task=folder,
                          resumable=True)
        return await follow(job, workspace, report=context.report_progress)

    @server.tool(
        name="compare_versions", title="Compare two versions · 比較版本",
        description="Two versions side by side: is the new version better than the old one, or is it noise? Paired "
        "bootstrap and McNemar on the same benchmark rows; also settings, data and per-class differences. 比較 v1 和 "
        "v2、新版有比較好嗎。",
        annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True),
        structured_output=True,
    )
    async def compare_versions(
        context: Context,
        task: str,
        a: Annotated[str, Field(description="the earlier version, e.g. v1")],
        b: Annotated[str, Field(description="the later version, e.g. v2")],
    ) -> JobAnswer:
        folder = workspace.task(task)
        one, other = find_version(folder, a), find_version(folder, b)
        compare.common_records(one, other)  # what cannot be compared is told before a job is started
        job = jobs.submit(workspace, "compare", compare.ENTRY, [str(folder.root), one.name, other.name],
                          python=worker_python(workspace), task=folder)
        return await follow(job, workspace, report=context.report_progress)
