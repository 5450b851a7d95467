"""Deploying as a job: needs → gates → bring up beside what is live → parity → switch over.

`python -m nlp_skills.tools.deploy.run TASK --version vN`. A failed step leaves the previous deployment answering.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import cast

from ...resources.deployment import Deployment
from ...resources.foundation.clock import now
from ...resources.foundation.errors import Cancelled, NlpSkillsError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.lineage import track_version
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder, version
from ...resources.workspace import Workspace
from ..compute.jobs import job_control
from ..compute.jobs.device_queue import acquire_gpu
from ..compute.jobs.result import JobResult
from ..compute.jobs.running import RunningJob, run_job
from ..evaluate.endpoint import Endpoint
from ..evaluate.model import describe_unverified
from ..evaluate.verified import latest_results
from . import deployments
from .deployments import live_of
from .gates import PARITY_THRESHOLD, criteria_gate, parity_gate
from .overrides import CRITERIA, PARITY, Override
from .parity import Parity, measure_parity, shares
from .target import Target, target

ENTRY = ["-m", "nlp_skills.tools.deploy.run"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.deploy.run", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("--version", default="latest")
    parser.add_argument("--target", default="local")
    parser.add_argument("--settings", type=_settings, default={}, help="the target's settings, as JSON")
    parser.add_argument("--parity-threshold", type=float, default=PARITY_THRESHOLD)
    parser.add_argument("--override", default="", help="why to deploy although a gate says no; it is recorded")
    parser.add_argument(
        "--opens", choices=[CRITERIA, PARITY], default=CRITERIA, help="the gate that this reason is about"
    )
    parser.add_argument("--restores", default=None, metavar="ID", help="the deployment this brings back")
    options = parser.parse_args(arguments)
    return run_job(
        "deploy", lambda job: _deploy(job, options), entry=ENTRY, arguments=arguments, task=options.task, resumable=True
    )


def _settings(text: str) -> JsonObject:
    return dict(json.loads(text))


def _deploy(job: RunningJob, options: argparse.Namespace) -> JobResult:
    workspace, task = Workspace(), TaskFolder(options.task)
    chosen = version(task, options.version)
    track_version(chosen)
    destination = target(options.target, options.settings)
    if unknown := describe_unverified(chosen):
        job.warn(unknown)
    if options.restores:
        deployment = _rolled_back(job, options.restores, workspace, task, chosen, destination)
        deployments.stop_unused(workspace, task, keep=deployment.job)
        return _build_result(task, deployment)
    destination.check(task.load())
    if (known := latest_results(chosen)) and known.unverified:
        job.warn(known.unverified)
    override = Override(chosen, options.target, options.override, options.opens)
    overrides = criteria_gate(task.load(), chosen, override)
    with acquire_gpu(job) if destination.waits_for_gpu else contextlib.nullcontext():
        deployment = _brought_up(job, options, workspace, task, chosen, destination, override, overrides)
    override.record_deployment()
    standing = deployments.current(task)
    deployments.stop_unused(workspace, task, keep=standing.job if standing else None)
    return _build_result(task, deployment)


def _brought_up(
    job: RunningJob,
    options: argparse.Namespace,
    workspace: Workspace,
    task: TaskFolder,
    chosen: VersionFolder,
    destination: Target,
    override: Override,
    overrides: list[dict[str, str]],
) -> Deployment:
    """The deployment, recorded once the gates are passed; where one is not, what was brought up is taken down."""
    previous, switched = deployments.current(task), False
    deployments.stop_unused(workspace, task, keep=previous.job if previous else None)
    live = destination.bring_up(workspace, chosen, job)
    if previous and live.url == previous.url and live.job is None:
        live = live.model_copy(update={"job": previous.job})  # an endpoint named by hand that is our own
    try:
        parity: Parity | None = None
        if live.url is not None:
            endpoint = Endpoint(url=live.url, model=live.model, api_key=live.api_key)
            parity = measure_parity(
                chosen,
                endpoint,
                lambda done, total: _report_asked(job, done, total),
                system_is_baked=live.system_is_baked,
            )
            overrides += parity_gate(task.load(), chosen, parity, options.parity_threshold, override)
        job.check_cancelled()
        live = destination.switch_over(workspace, live)
        switched = True
        deployment = Deployment(
            id=job.folder.id,
            task=task.name,
            version=chosen.name,
            target=options.target,
            settings=options.settings,
            overrides=overrides,
            created=now(),
            parity={"raw": parity.raw, "label": parity.label, "count": parity.count} if parity else None,
            **live.model_dump(),
        )
        deployments.record(task, deployment)
    except BaseException:
        # What has taken the final name may be what stood under it before; it is not taken down for a record that failed.
        if not switched or (live.job and not (previous and live.job == previous.job)):
            destination.take_down(workspace, live)
        raise
    return deployment


def _rolled_back(
    job: RunningJob, restores: str, workspace: Workspace, task: TaskFolder, chosen: VersionFolder, destination: Target
) -> Deployment:
    """An earlier deployment, back at its address. An emergency road: it passed its gates then and passes none again,
    and it waits for no GPU. What is live now is stopped only once this is recorded; where it fails, nothing changed."""
    earlier = next(one for one in deployments.history(task) if one.id == restores)
    standing = deployments.current(task)
    if standing and standing.id == job.folder.id:  # recorded before this process was killed
        return standing
    try:
        destination.needs(task.load())
        deployments.stop_unused(workspace, task, keep=standing.job if standing else None)
        live = destination.bring_back(workspace, chosen, live_of(earlier), live_of(standing) if standing else None, job)
    except Cancelled:
        raise
    except NlpSkillsError as error:
        raise _still_answers(error, standing) from error
    deployment = Deployment(
        id=job.folder.id,
        task=task.name,
        version=chosen.name,
        target=earlier.target,
        settings=earlier.settings,
        overrides=earlier.overrides,
        parity=earlier.parity,
        created=now(),
        restores=restores,
        **live.model_dump(),
    )
    try:
        deployments.record(task, deployment)
    except BaseException:
        if live.job and not (standing and live.job == standing.job):
            destination.take_down(workspace, live)
        if (
            standing
            and standing.job
            and (holder := JobFolder(workspace.jobs / standing.job)).state() not in ACTIVE_STATES
        ):
            job_control.resume(holder, workspace)  # it had that address and made room
        raise
    return deployment


def _still_answers(error: NlpSkillsError, standing: Deployment | None) -> NlpSkillsError:
    """Why it could not be brought back, and that what is live goes on."""
    if standing is None or not deployments.answers(standing):
        return error
    return type(error)(
        Text(
            "{problem} {version} still answers at {url}; nothing was changed.",
            "{problem}{version} 仍在 {url} 服務，沒有任何變動。",
        ).format(problem=error.problem, version=standing.version, url=standing.url),
        error.fix,
        field=error.field,
        details=error.details,
    )


def _report_asked(job: RunningJob, done: int, total: int) -> None:
    job.check_cancelled()
    if done == 1 or done == total or done % 10 == 0:
        job.progress(done, total, Text("Asking the benchmark again over HTTP", "透過 HTTP 重新詢問評估基準"))


def _build_result(task: TaskFolder, deployment: Deployment) -> JobResult:
    place, parity = deployment.url, deployment.parity
    files = ", ".join(deployment.files)
    if place:
        first = Text(
            f"{deployment.version} answers at {place}/v1 (OpenAI-compatible) as {deployment.model}.",
            f"{deployment.version} 已在 {place}/v1 提供服務（相容 OpenAI 協定），模型名稱 {deployment.model}。",
        )
        say = Text(
            "It is live. Ask the coach what to watch for; deploy with action='undeploy' stops it, action='list' "
            "shows its health, action='roll_back' brings back the one before.",
            "已上線。可以請教練說明上線後要注意什麼；deploy 的 action='undeploy' 會停止它，action='list' 看健康狀況，"
            "action='roll_back' 回到前一個部署。",
        )
    elif deployment.rows_only:
        first = Text(
            f"The rows {deployment.version} was trained on are at {files}.",
            f"{deployment.version} 訓練所用的資料在 {files}。",
        )
        say = Text("Check its card there before anybody else can read it.", "開放給別人之前，請先檢查那裡的說明卡。")
    else:
        first = Text(f"{deployment.version} is ready: {files}.", f"{deployment.version} 已備妥：{files}。")
        say = Text(
            "Copy the files to where they will run. Once an endpoint serves them, prove it with "
            "deploy(target='endpoint', settings={url, model}).",
            "可以把檔案帶到要執行的地方。端點啟動後，用 deploy(target='endpoint', settings={url, model}) 驗證。",
        )
    if parity:
        agree = shares(task.load().type, parity["label"], parity["raw"])
        second = Text(" Parity over {count} benchmark rows: {agree}.", "以評估基準 {count} 筆比對：{agree}。").format(
            count=parity["count"], agree=agree
        )
    elif deployment.rows_only:
        second = Text("", "")
    else:
        second = Text(" Nothing answers yet, so parity was not measured.", "目前沒有端點在回答，因此沒有量一致性。")
    if deployment.api_key:
        named = deployment.api_key.strip("${}")
        second += Text(
            " Requests carry the secret {named} as bearer token (choose your own with nlp-skills "
            "secret set {named} before deploying).",
            "請求要帶密鑰 {named} 作為 bearer token（可在部署前用 nlp-skills secret set {named} 自訂）。",
        ).format(named=named)
    message = first + second
    result = {
        "message": message._asdict(),
        "next_step": {"tool": "coach", "arguments": {"task": task.name}, "say": say._asdict()},
        **deployment.model_dump(mode="json", exclude={"settings"}),
    }
    return cast(JobResult, result)  # and the fields of the record


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
