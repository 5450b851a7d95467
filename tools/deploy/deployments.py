"""What is deployed: one record a deployment, and which one is current."""

from __future__ import annotations

from ...resources.deployment import Deployment
from ...resources.foundation.clock import now
from ...resources.foundation.errors import DeploymentError
from ...resources.foundation.files import write_json
from ...resources.foundation.language import Text
from ...resources.job import ACTIVE_STATES, JobFolder, job_folder
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.jobs import job_control
from .target import Live, target


def live_of(deployment: Deployment) -> Live:
    """What its target knows it by."""
    return Live.model_validate(deployment.model_dump(include=set(Live.model_fields)))


def record(task: TaskFolder, deployment: Deployment) -> None:
    """Keep the deployment. One that answers becomes the current one; files do where nothing else is."""
    standing = current(task)
    write_json(task.deployments / f"{deployment.id}.json", deployment.model_dump(mode="json"))
    if deployment.url is not None or (standing is None and not deployment.rows_only):
        write_json(task.deployments / "current.json", deployment.model_dump(mode="json"))
        if standing is not None and standing.url is not None:  # files stay ready, whatever answers
            _end(task, standing)


def current(task: TaskFolder) -> Deployment | None:
    return task.current_deployment()


def history(task: TaskFolder) -> list[Deployment]:
    """All deployments, newest first."""
    files = [path for path in task.deployments.glob("*.json") if path.name != "current.json"]
    found = [Deployment.read(path) for path in files]
    return sorted(found, key=lambda deployment: deployment.id, reverse=True)


def trouble(workspace: Workspace, deployment: Deployment) -> Text | None:
    """None while what was deployed answers as it was left, else what is wrong with it."""
    if deployment.job and job_folder(workspace, deployment.job).state() not in ACTIVE_STATES:
        return Text(
            "Its process is not running (the machine may have been restarted).",
            "服務的程序沒有在執行（可能是機器重新開機過）。",
        )
    return target(deployment.target, deployment.settings).healthy(live_of(deployment))


def answers(deployment: Deployment) -> bool:
    """Whether its endpoint is alive at this moment."""
    healthy = target(deployment.target, deployment.settings).healthy(live_of(deployment))
    return deployment.url is not None and healthy is None


def before(task: TaskFolder) -> Deployment:
    """The deployment to roll back to: the newest of an endpoint that stood before the current one.

    Raises:
        DeploymentError: there is none.
    """
    told = history(task)
    standing = current(task)
    place = standing.restores or standing.id if standing else None
    older = told[[one.id for one in told].index(place) + 1 :] if place in [one.id for one in told] else told
    for deployment in older:
        if deployment.url is not None and not deployment.restores:
            return deployment
    raise DeploymentError(
        Text(
            f"{task.name} has no deployment before this one that answered at an address.",
            f"{task.name} 在這之前沒有上線服務過的部署。",
        ),
        Text(
            "Deploy a version by its number: deploy(task=…, version='v1').",
            "請直接指定版本部署：deploy(task=…, version='v1')。",
        ),
        field="action",
    )


def serving_jobs(workspace: Workspace, task: TaskFolder) -> list[JobFolder]:
    """The living serve jobs of that task, newest first."""
    found = []
    entries = sorted(workspace.jobs.iterdir(), reverse=True) if workspace.jobs.is_dir() else []
    for folder in (JobFolder(entry) for entry in entries if (entry / "spec.json").is_file()):
        spec = folder.spec()
        if (
            spec.kind == "serve"
            and _argument(spec.arguments, "--task") == str(task.root)
            and (folder.state() in ACTIVE_STATES)
        ):
            found.append(folder)
    return found


def stop_unused(workspace: Workspace, task: TaskFolder, keep: str | None) -> None:
    """Stop every serve job of the task but `keep`: replaced ones, and those a killed deployment left behind."""
    for folder in serving_jobs(workspace, task):
        if folder.id != keep:
            job_control.cancel(folder)


def undeploy(workspace: Workspace, task: TaskFolder) -> Deployment | None:
    """Stop what is deployed; the record and the files stay. Returns what was stopped.

    Raises:
        NlpSkillsError: the server that holds it cannot be asked; it stays the current one.
    """
    deployment = current(task)
    if deployment is not None:
        target(deployment.target, deployment.settings).take_down(workspace, live_of(deployment))
        (task.deployments / "current.json").unlink(missing_ok=True)
        _end(task, deployment)
    stop_unused(workspace, task, keep=None)
    return deployment


def _end(task: TaskFolder, deployment: Deployment) -> None:
    content = {**deployment.model_dump(mode="json"), "ended": now()}
    write_json(task.deployments / f"{deployment.id}.json", content)


def _argument(arguments: list[str], name: str) -> str | None:
    return arguments[arguments.index(name) + 1] if name in arguments else None
