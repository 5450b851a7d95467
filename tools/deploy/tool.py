"""The tool module of deployment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from ...resources.answer import Answer, JobView, NextStep
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.jobs.view import follow
from ..tool_function import add_tools, tool
from .target import target_names

if TYPE_CHECKING:
    from ...resources.deployment import Deployment

_SHOWN = 10
_KNOWN = ", ".join(target_names())


class DeploymentRow(BaseModel):
    """One deployment: `standing` is live, down (it should answer and does not), ready (files) or ended."""

    id: str
    version: str
    target: str
    standing: Literal["live", "down", "ready", "ended"]
    problem: str | None = None
    url: str | None = None
    model: str
    files: list[str] = Field(default_factory=list)
    parity: dict[str, float | int] | None = None
    created: str


class Deploying(Answer):
    """A deployment under way (`job`), what stands, newest first, or the version that was `stopped`."""

    job: JobView | None = None
    deployments: list[DeploymentRow] = Field(default_factory=list)
    stopped: str | None = None


def register(server: MCPServer, workspace: Workspace) -> None:
    """Register `deploy`."""
    add_tools(server, workspace, deploy)


@tool(
    title="Deploy a version · 部署版本",
    description="Put an evaluated version into production (local API, Ollama, GGUF, vLLM, Hugging Face, …) and "
    "prove it answers as evaluated (parity). Refused below the success criteria or parity unless override_reason "
    "is given. Also: list what is live, roll_back, undeploy. 部署、上線、放上去給同事或 app 用、API、下線、停止部署。",
    annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True),
)
async def deploy(
    workspace: Workspace,
    context: Context,
    task: str,
    version: Annotated[str, Field(description="v1, v2, … or latest")] = "latest",
    target: Annotated[str, Field(description=_KNOWN)] = "local",
    action: Literal["deploy", "list", "roll_back", "undeploy"] = "deploy",
    override_reason: Annotated[str, Field(description="the person's recorded reason to pass a gate")] = "",
    settings: Annotated[
        JsonObject | None,
        Field(description="of the target: {port}, {quantization, serve}, {name, url}, {repo, content}, …"),
    ] = None,
) -> Deploying:
    from ...resources.foundation import typed_secrets
    from ...resources.version import version as find_version
    from ..data.definition import add_rotation_notice, rotate_notice
    from . import deployments
    from .starting import start_deployment
    from .target import known_settings

    folder = workspace.task(task)
    if action == "list":
        return await anyio.to_thread.run_sync(_list_deployments, workspace, folder)
    if action == "undeploy":
        return await anyio.to_thread.run_sync(_stop_deployment, workspace, folder)
    restores = None
    if action == "roll_back":
        earlier = await anyio.to_thread.run_sync(deployments.before, folder)
        version, target, restores = earlier.version, earlier.target, earlier.id
        settings = known_settings(target, earlier.settings)
    chosen = find_version(folder, version)

    given, moved = await anyio.to_thread.run_sync(partial(typed_secrets.move_inline, settings or {}, prefix="deploy_"))
    with add_rotation_notice(moved):
        job = await anyio.to_thread.run_sync(
            lambda: start_deployment(workspace, folder, chosen.name, target, given, override_reason, restores)
        )
        answer = await follow(job, workspace, report=context.report_progress)
    notice = rotate_notice(moved)
    message = f"{answer.message} {notice}" if notice else answer.message
    return Deploying(message=message, next_step=answer.next_step, job=answer.job)


def _list_deployments(workspace: Workspace, folder: TaskFolder) -> Deploying:
    from . import deployments

    standing = deployments.current(folder)
    rows = [_row(workspace, deployment, standing) for deployment in deployments.history(folder)[:_SHOWN]]
    live = next((row for row in rows if standing and row.id == standing.id), None)
    if live is None:
        message = Text("Nothing is live.", "目前沒有任何部署。")
        step = NextStep(
            say=str(Text("Deploy a version when it is good enough.", "版本夠好時就可以部署。")),
            tool="coach",
            arguments={"task": folder.name},
        )
    elif live.standing == "down":
        message = Text(
            f"{live.version} ({live.target}) should answer and does not: {live.problem}",
            f"{live.version}（{live.target}）應該在服務，但沒有：{live.problem}",
        )
        call = {
            "task": folder.name,
            "version": live.version,
            "target": live.target,
            **({"settings": standing.settings} if standing and standing.settings else {}),
        }
        step = (
            NextStep(
                say=str(Text("Start it again.", "重新啟動它。")),
                tool="manage_job",
                arguments={"job_id": standing.job, "action": "resume"},
            )
            if standing and standing.job
            else NextStep(say=str(Text("Deploy it again.", "再部署一次。")), tool="deploy", arguments=call)
        )
    else:
        place = live.url or ", ".join(live.files)
        message = Text(
            f"{live.version} ({live.target}) is {live.standing}: {place}.",
            f"{live.version}（{live.target}）{'正在服務' if live.standing == 'live' else '已備妥'}：{place}。",
        )
        step = NextStep(
            say=str(Text("Ask the coach what to watch for.", "請教練說明要注意什麼。")),
            tool="coach",
            arguments={"task": folder.name},
        )
    return Deploying(message=str(message), next_step=step, deployments=rows)


def _row(workspace: Workspace, deployment: Deployment, standing: Deployment | None) -> DeploymentRow:
    from . import deployments

    live = standing is not None and deployment.id == standing.id and deployment.url is not None
    problem = deployments.trouble(workspace, deployment) if live else None
    state: Literal["live", "down", "ready", "ended"] = (
        "ended"
        if deployment.ended or (deployment.url and not live)
        else "ready"
        if not live
        else "down"
        if problem
        else "live"
    )
    return DeploymentRow(
        id=deployment.id,
        version=deployment.version,
        target=deployment.target,
        standing=state,
        problem=str(problem) if problem else None,
        url=deployment.url,
        model=deployment.model,
        files=deployment.files,
        parity=deployment.parity,
        created=deployment.created,
    )


def _stop_deployment(workspace: Workspace, folder: TaskFolder) -> Deploying:
    from . import deployments

    stopped = deployments.undeploy(workspace, folder)
    place = (stopped.url or ", ".join(stopped.files)) if stopped else ""
    if stopped is None:
        message = Text("Nothing was live.", "目前沒有任何部署。")
    elif stopped.url and (stopped.job or stopped.digest):
        message = Text(
            f"{stopped.version} at {place} was stopped; its record and files stay.",
            f"已停止 {place} 上的 {stopped.version}；紀錄與檔案都保留。",
        )
    else:  # files, or a server that somebody else runs: nothing of ours was running
        message = Text(
            f"{stopped.version} at {place} is no longer in use; its record and files stay.",
            f"{place} 的 {stopped.version} 已不再列為上線；紀錄與檔案都保留。",
        )
    say = Text("Deploy again whenever you like.", "之後隨時可以再部署。")
    return Deploying(
        message=str(message),
        stopped=stopped.version if stopped else None,
        next_step=NextStep(say=str(say), tool="deploy", arguments={"task": folder.name}),
    )
