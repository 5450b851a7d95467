"""The door of deployment."""

from __future__ import annotations

from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from ...resources.answer import Answer, JobAnswer, NextStep
from ...resources.language import Text
from ...resources.removal import require_model
from ...resources.version import version as find_version
from ...resources.workspace import Workspace
from ..compute import jobs
from ..compute.view import follow
from ..compute.worker import worker_python
from . import deployments, run
from .targets import target as find_target


class Undeployed(Answer):
    """What was stopped, if anything was live."""

    stopped: str | None = None


def register(server: MCPServer, workspace: Workspace) -> None:
    """Register `deploy` and `undeploy`."""

    @server.tool(
        name="deploy", title="Deploy a version · 部署版本",
        description="Put an evaluated version into production: serve it behind an OpenAI-compatible API and prove "
        "it answers as evaluated (parity). Refused below the success criteria or parity threshold unless "
        "override_reason is given. 部署、上線、放上去給同事或 app 用、API。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
        structured_output=True,
    )
    async def deploy(
        context: Context,
        task: str,
        version: Annotated[str, Field(description="v1, v2, … or latest")] = "latest",
        target: str = "local",
        override_reason: Annotated[str, Field(description="the person's recorded reason to pass a gate")] = "",
    ) -> JobAnswer:
        folder = workspace.task(task)
        chosen = find_version(folder, version)
        find_target(target)
        # Gates that need no machine are asked before anything is started.
        require_model(chosen)
        run.criteria_gate(folder.load(), chosen, override_reason)
        arguments = [str(folder.root), "--version", chosen.name, "--target", target]
        if override_reason:
            arguments += ["--override", override_reason]
        job = jobs.submit(workspace, "deploy", run.ENTRY, arguments, python=worker_python(workspace), task=folder,
                          resumable=True)
        return await follow(job, workspace, report=context.report_progress)

    @server.tool(
        name="undeploy", title="Stop a deployment · 停止部署",
        description="Take the live endpoint offline; its record stays. 下線、關掉服務、停止部署。",
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True),
        structured_output=True,
    )
    def undeploy(task: str) -> Undeployed:
        stopped = deployments.undeploy(workspace, workspace.task(task))
        message = (
            Text(f"{stopped.version} at {stopped.url} was stopped.", f"已停止 {stopped.url} 上的 {stopped.version}。")
            if stopped else Text("Nothing was live.", "目前沒有任何部署。")
        )
        say = Text("Deploy again whenever you like.", "之後隨時可以再部署。")
        return Undeployed(message=str(message), stopped=stopped.version if stopped else None,
                          next_step=NextStep(say=str(say), tool="deploy", arguments={"task": task}))
