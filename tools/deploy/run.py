"""Deploying as a job: gates → bring up beside what is live → parity → switch over.

`python -m nlp_skills.tools.deploy.run TASK --version vN`. A failed step leaves the previous deployment answering.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ...resources.answer import quoted
from ...resources.clock import now
from ...resources.errors import DeploymentError
from ...resources.language import Text
from ...resources.lineage import track_version
from ...resources.score import reaches, score_of
from ...resources.task import Task, TaskFolder
from ...resources.version import VersionFolder, version
from ...resources.workspace import Workspace
from ..compute.running import RunningJob, run_job
from . import deployments
from .parity import Parity, measure_parity
from .targets import target

ENTRY = ["-m", "nlp_skills.tools.deploy.run"]
PARITY_THRESHOLD = 0.99
_EXAMPLES_SHOWN = 5


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.deploy.run", description=__doc__)
    parser.add_argument("task", type=Path, help="the task's folder")
    parser.add_argument("--version", default="latest")
    parser.add_argument("--target", default="local")
    parser.add_argument("--port", type=int)
    parser.add_argument("--parity-threshold", type=float, default=PARITY_THRESHOLD)
    parser.add_argument("--override", default="", help="why to deploy although a gate says no; it is recorded")
    options = parser.parse_args(arguments)
    return run_job("deploy", lambda job: _deploy(job, options), entry=ENTRY, arguments=arguments, task=options.task,
                   resumable=True)


def _deploy(job: RunningJob, options: argparse.Namespace) -> dict[str, Any]:
    workspace, task = Workspace(), TaskFolder(options.task)
    chosen = version(task, options.version)
    track_version(chosen)
    settings = {"port": options.port} if options.port else {}
    destination = target(options.target).model_validate(settings)
    overrides = criteria_gate(task.load(), chosen, options.override)
    previous = deployments.current(task)
    deployments.stop_unused(workspace, task, keep=previous.job if previous else None)
    live = destination.bring_up(workspace, chosen, job)
    try:
        parity = measure_parity(chosen, live.url, live.model, lambda done, total: _asked(job, done, total))
        overrides += parity_gate(task.load(), chosen, parity, options.parity_threshold, options.override)
        deployment = deployments.Deployment(
            id=job.folder.id, task=task.name, version=chosen.name, target=options.target, url=live.url,
            model=live.model, job=live.job, overrides=overrides, created=now(),
            parity={"raw": parity.raw, "label": parity.label, "count": parity.count},
        )
        deployments.record(task, deployment)
    except BaseException:
        destination.take_down(workspace, live)
        raise
    deployments.stop_unused(workspace, task, keep=live.job)
    return _told(task, deployment)


def criteria_gate(task: Task, chosen: VersionFolder, override: str) -> list[dict[str, str]]:
    """Refuse a version below the task's own success criteria, unless a reason is recorded.

    Returns:
        the overrides used, `{gate, reason, figures}`.
    """
    criteria, evaluation = task.success_criteria, chosen.latest_evaluation()
    if evaluation is None:
        raise DeploymentError(
            Text(f"{chosen.name} has not been evaluated.", f"{chosen.name} 還沒有評估。"),
            Text("Call evaluate for this version first; nothing unmeasured is deployed.",
                 "請先呼叫 evaluate；沒有量測過的模型不部署。"),
            field="version",
        )
    measured = score_of(evaluation, criteria.metric)
    if criteria.threshold is None or (measured is not None and reaches(criteria.metric, measured, criteria.threshold)):
        return []
    figures = f"{criteria.metric} {measured}, {criteria.threshold} wanted"
    if override:
        return [{"gate": "success_criteria", "reason": override, "figures": figures}]
    raise DeploymentError(
        Text(f"{chosen.name} is below your own success criteria: {figures}.",
             f"{chosen.name} 低於你設定的成功標準：{figures}。"),
        Text("Improve it (ask coach what to change), or deploy with override_reason and say why.",
             "請先改善（可問 coach 該改什麼），或在 override_reason 寫明理由後部署。"),
        field="override_reason", details={"measured": measured, "threshold": criteria.threshold},
    )


def parity_gate(
    task: Task, chosen: VersionFolder, parity: Parity, threshold: float, override: str
) -> list[dict[str, str]]:
    """Refuse an endpoint that answers differently from what was evaluated, unless a reason is recorded."""
    if min(parity.raw, parity.label) >= threshold:
        return []
    figures = f"label {parity.label:.3f}, text {parity.raw:.3f} < {threshold}"
    if override:
        return [{"gate": "parity", "reason": override, "figures": figures}]
    raise DeploymentError(
        Text(f"The endpoint does not answer as {chosen.name} did when it was evaluated "
             f"({parity.count} rows: {figures}).",
             f"端點的回答與 {chosen.name} 評估時不一致（共 {parity.count} 筆：{figures}）。"),
        Text("Usual causes: another chat template, a missing end-of-turn, an unmerged adapter, another base model. "
             "The rows are in details; what was live before still answers.",
             "常見原因：對話模板不同、缺少結束標記、轉接器沒有合併、基礎模型不同。"
             "不一致的資料列在 details；先前的部署仍在服務。"),
        field="version",
        details={"disagreements": [
            {"id": row.id, "text": quoted(task, row.text), "evaluated": quoted(task, row.evaluated),
             "deployed": quoted(task, row.deployed)}
            for row in parity.disagreements[:_EXAMPLES_SHOWN]
        ]},
    )


def _asked(job: RunningJob, done: int, total: int) -> None:
    job.check_cancelled()
    if done == 1 or done == total or done % 10 == 0:
        job.progress(done, total, Text("Asking the benchmark again over HTTP", "透過 HTTP 重新詢問評估基準"))


def _told(task: TaskFolder, deployment: deployments.Deployment) -> dict[str, Any]:
    parity = deployment.parity
    message = Text(
        f"{deployment.version} answers at {deployment.url}/v1 (OpenAI-compatible). Parity over {parity['count']} "
        f"benchmark rows: label {parity['label']:.1%}, text {parity['raw']:.1%}.",
        f"{deployment.version} 已在 {deployment.url}/v1 提供服務（相容 OpenAI 協定）。"
        f"以評估基準 {parity['count']} 筆比對：標籤一致 {parity['label']:.1%}，文字一致 {parity['raw']:.1%}。",
    )
    say = Text("It is live. Ask the coach what to watch for, or stop it with undeploy.",
               "已上線。可以請教練說明上線後要注意什麼，或用 undeploy 停止。")
    return {
        "message": message._asdict(),
        "next_step": {"tool": "coach", "arguments": {"task": task.name}, "say": say._asdict()},
        **deployment.model_dump(mode="json"),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
