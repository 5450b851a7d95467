"""What still costs money: machines rented here that no job needs any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ....resources.foundation.files import sha256_bytes
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.job import ACTIVE_STATES, JobFolder, job_folders
from ....resources.workspace import Workspace
from ..machine import CheckResult
from .program import Program, cloud_of

if TYPE_CHECKING:
    from ..machines.sky import Sky

_PREFIX = "nlps"


def cluster_name(workspace: Workspace, job: str) -> str:
    """The cluster of a job: told from those of other workspaces and from the person's own, short enough for any cloud."""
    day, moment, *_, last = job.split("-")
    return f"{_prefix(workspace)}-{day[4:]}-{moment}-{last}"


def access(program: Program, name: str, machine: Sky) -> Iterator[CheckResult]:
    """Whether the machine's cloud can be used: SkyPilot's own check of the person's credentials."""
    cloud = cloud_of(machine.infra)
    said = program.ask("check", *([cloud] if cloud else []))
    enabled = [line.strip() for line in said.text.splitlines() if ": enabled" in line]
    if enabled and (not cloud or any(cloud in line.lower() or cloud == "k8s" for line in enabled)):
        shown = "; ".join(line.replace(": enabled", "") for line in enabled)
        yield CheckResult(
            "ok", Text(f"Machine {name}: SkyPilot may use {shown}", f"機器 {name}：SkyPilot 可以使用 {shown}")
        )
        return
    yield CheckResult(
        "warning",
        Text(
            f"Machine {name}: SkyPilot may not use {cloud or 'any cloud'} yet: {said.last()}",
            f"機器 {name}：SkyPilot 還不能使用 {cloud or '任何雲端'}：{said.last()}",
        ),
        Text(f"In a terminal: sky check {cloud}", f"請在終端機執行：sky check {cloud}"),
    )


def leftovers(workspace: Workspace, program: Program) -> Iterator[CheckResult]:
    """The clusters of this workspace that SkyPilot still has, each with the job it was rented for."""
    owners = {cluster_name(workspace, job.id): job for job in job_folders(workspace) if job.id.count("-") >= 4}
    found = [one for one in program.ask_json("status", "--refresh") if str(one["name"]).startswith(_prefix(workspace))]
    for one in found:
        yield _check_cluster(one, owners.get(str(one["name"])))


def _check_cluster(cluster: JsonObject, job: JobFolder | None) -> CheckResult:
    name, state = cluster["name"], str(cluster["status"])
    hours = (datetime.now(UTC).timestamp() - float(cluster.get("launched_at") or 0)) / 3600
    where = f"{name} ({cluster.get('cloud')}, {state}, {hours:.1f} h)"
    if job and job.state() in ACTIVE_STATES:
        return CheckResult("ok", Text(f"Rented: {where}, for job {job.id}", f"租用中：{where}，工作 {job.id} 使用"))
    says = Text(f"Still rented, and no job is running on it: {where}.", f"仍在租用，但沒有工作在執行：{where}。")
    if job is None:
        return CheckResult("warning", says, Text(f"In a terminal: sky down {name}", f"請在終端機執行：sky down {name}"))
    return CheckResult(
        "warning",
        says,
        Text(
            f"manage_job(job_id={job.id!r}, action='resume') fetches what it made; action='cancel' gives it back.",
            f"manage_job(job_id={job.id!r}, action='resume') 會取回成果；action='cancel' 則直接退租。",
        ),
    )


def _prefix(workspace: Workspace) -> str:
    return f"{_PREFIX}-{sha256_bytes(str(workspace.root).encode())[:6]}"
