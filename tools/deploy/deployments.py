"""What is deployed: one record a deployment, and which one is current."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ...resources.files import read_json, write_json
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute import jobs

_HEALTH_SECONDS = 2.0


class Deployment(BaseModel):
    """One deployment: what answers, where, and how well it agrees with what was evaluated."""

    model_config = ConfigDict(extra="allow")

    format: int = 1
    id: str
    task: str
    version: str
    target: str
    url: str | None = None
    model: str
    job: str | None = None
    parity: dict[str, float | int]
    overrides: list[dict[str, str]]
    created: str


def record(task: TaskFolder, deployment: Deployment) -> None:
    """Keep the deployment and make it the current one."""
    content = deployment.model_dump(mode="json")
    write_json(task.deployments / f"{deployment.id}.json", content)
    write_json(task.deployments / "current.json", content)


def current(task: TaskFolder) -> Deployment | None:
    content = task.current_deployment()
    return Deployment.model_validate(content) if content else None


def history(task: TaskFolder) -> list[Deployment]:
    """All deployments, newest first."""
    files = [path for path in task.deployments.glob("*.json") if path.name != "current.json"]
    found = [Deployment.model_validate(read_json(path)) for path in files]
    return sorted(found, key=lambda deployment: deployment.id, reverse=True)


def answers(deployment: Deployment) -> bool:
    """Whether its endpoint is alive at this moment."""
    if deployment.url is None:
        return False
    import httpx  # with the sixty modules it brings, only where something is asked

    try:
        return httpx.get(f"{deployment.url}/health", timeout=_HEALTH_SECONDS, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def serving_jobs(workspace: Workspace, task: TaskFolder) -> list[JobFolder]:
    """The living serve jobs of that task, newest first."""
    found = []
    entries = sorted(workspace.jobs.iterdir(), reverse=True) if workspace.jobs.is_dir() else []
    for folder in (JobFolder(entry) for entry in entries if (entry / "spec.json").is_file()):
        spec = folder.spec()
        if spec.kind == "serve" and _argument(spec.arguments, "--task") == str(task.root) and (
            folder.state() in ACTIVE_STATES
        ):
            found.append(folder)
    return found


def stop_unused(workspace: Workspace, task: TaskFolder, keep: str | None) -> None:
    """Stop every serve job of the task but `keep`: replaced ones, and those a killed deployment left behind."""
    for folder in serving_jobs(workspace, task):
        if folder.id != keep:
            jobs.cancel(folder)


def undeploy(workspace: Workspace, task: TaskFolder) -> Deployment | None:
    """Stop what is deployed; the record stays in the history. Returns what was stopped."""
    deployment = current(task)
    (task.deployments / "current.json").unlink(missing_ok=True)
    stop_unused(workspace, task, keep=None)
    return deployment


def _argument(arguments: list[str], name: str) -> str | None:
    return arguments[arguments.index(name) + 1] if name in arguments else None

